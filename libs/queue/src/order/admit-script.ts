import { orderScript } from "./order-script.js";

/** Clients of one class and expert that may be told to come back at once; further ones are told the time of the last. */
const maxBookings = 10_000;
/** Times after which a client is told to come back, in ms. */
const [minRetryMs, maxRetryMs] = [1_000, 3_600_000];
/** Clocks run and round differently: a client may come this much too early. */
const earlyMs = 250;
/** Between being let in and being on the queue. */
const grantMs = 2_000;
/** Drain rate where nothing is known, jobs a second. */
const unknownRate = 1;

/**
 * ARGV: class, claimant, bound, starts a second (0: not known). Answers -1: let in, or in how many ms to come back.
 *
 * Who is refused gets a booking: the time at which there should be room for it behind those that were refused before, one job's time apart. A
 * booking that is due has a place kept for it until it runs out; places of those that never come are free again then, and at most half of
 * the bound is kept, so that clients that give up cannot empty the queue.
 */
export const admitScript = orderScript(`
local class, claimant, bound, rate = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if rate <= 0 then rate = ${unknownRate} end
local dueKey, untilKey, grantedKey = order .. 'booked:' .. class, order .. 'booked-until:' .. class, order .. 'granted:' .. class
for _, each in ipairs(call('ZRANGEBYSCORE', untilKey, '-inf', now, 'LIMIT', 0, 200)) do
  call('ZREM', untilKey, each)
  call('ZREM', dueKey, each)
end
call('ZREMRANGEBYSCORE', grantedKey, '-inf', now - ${grantMs})
-- Those that were let in a moment ago are as good as waiting.
local waiting = get('jobs:' .. class) + call('ZCARD', grantedKey)
local booked = call('ZCARD', dueKey)

local function letIn()
  call('ZREM', dueKey, claimant)
  call('ZREM', untilKey, claimant)
  call('ZADD', grantedKey, now, claimant)
  return -1
end
local function book(due)
  local inMs = math.min(math.max(due - now, ${minRetryMs}), ${maxRetryMs})
  call('ZADD', dueKey, now + inMs, claimant)
  call('ZADD', untilKey, now + inMs + math.max(5000, inMs / 2), claimant)
  return math.ceil(inMs)
end

local mine = tonumber(call('ZSCORE', dueKey, claimant) or nil)
if mine then
  local before = call('ZRANK', dueKey, claimant)
  if waiting + before < bound then return letIn() end
  if mine > now + ${earlyMs} then return math.ceil(mine - now) end
  -- It comes as it was told; the drain may have been a little slower than thought.
  if waiting < bound + math.max(1, math.ceil(bound / 10)) then return letIn() end
  return book(now + (waiting - bound + 1) * 1000 / rate)
end

local kept = math.min(call('ZCOUNT', dueKey, '-inf', now + ${earlyMs}), math.floor(bound / 2))
if waiting + kept < bound then return letIn() end
local behind = now + (waiting + booked - bound + 1) * 1000 / rate
local last = tonumber(call('ZRANGE', dueKey, -1, -1, 'WITHSCORES')[2] or nil)
if booked >= ${maxBookings} then return math.ceil(math.min(math.max(last - now, ${minRetryMs}), ${maxRetryMs})) end
if last and last - now < ${maxRetryMs} then behind = math.max(behind, last + 1000 / rate) end
return book(behind)
`);
