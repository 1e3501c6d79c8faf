import { CodedError, type RequestRecord, type RequestState } from "@expert-router/contracts";
import type { TokenFollower } from "@expert-router/token-stream";
import { AnswerAssembler, type AnswerIdentity } from "../answers/answer-assembler.js";

/** Who a job's answer says it is. */
export function answerIdentity(state: RequestRecord): AnswerIdentity {
  const { id, endpoint, decision, createdAtMs } = state;
  return { id, endpoint, model: decision.expert, created: Math.floor(createdAtMs / 1_000) };
}

/**
 * The whole answer of a completed job, put together from its log; null when the log is gone.
 * @throws CodedError `redis_unavailable`
 */
export function assembledResponse(
  follower: TokenFollower,
  state: RequestState,
): Promise<Record<string, unknown> | null> {
  const assembler = new AnswerAssembler();
  return new Promise((resolve, reject) => {
    follower.follow(state.id, {
      deltas: (_epoch, _first, deltas) => {
        for (const delta of deltas) assembler.add(delta);
        return true;
      },
      restart: () => assembler.restart(),
      end: ({ usage }) => resolve(assembler.answer(answerIdentity(state), usage)),
      // The record was there a moment ago: its retention has ended, or does so now.
      fail: (error) => (isGone(error) ? resolve(null) : reject(error)),
    });
  });
}

function isGone(error: Error): boolean {
  return error instanceof CodedError && error.code === "job_not_found";
}
