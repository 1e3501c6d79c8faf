import { orderScript } from "./order-script.js";

/** Jobs that one call queues at most; Redis does nothing else meanwhile. */
export const maxEnqueued = 32;

/**
 * Does what BullMQ's `addPrioritizedJob` does for each job and puts it into the order, in one step, so that neither is ever there without
 * the other. ARGV: of each job id, data, options, priority. An id that is there already is left alone.
 */
export const enqueueScript = orderScript(`
local function enqueue(id, data, options, priority)
  local jobKey = bull .. id
  if call('EXISTS', jobKey) == 1 then return end
  call('HSET', jobKey, 'name', 'request', 'data', data, 'opts', options, 'timestamp', now, 'delay', 0, 'priority', priority)
  event('added', id)
  local sequence = call('INCR', bull .. 'pc')
  call('ZADD', bull .. 'prioritized', priority * 0x100000000 + sequence % 0x100000000, id)
  event('waiting', id)
  local job = jobFrom(data, priority)
  index(id, job, sequence)
  -- A place that was promised is taken now.
  call('ZPOPMIN', order .. 'granted:' .. job.class)
  if job.class == 'interactive' then set('interactive-at', now) end
end
for i = 2, #ARGV, 4 do enqueue(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) end
save()
ring()
`);

/**
 * Takes a waiting job out of the order; BullMQ removes the job itself afterwards, so a crash in between leaves a job that is adopted
 * again. ARGV: id. Answers 0 when a worker holds it.
 */
export const withdrawScript = orderScript(`
local id = ARGV[2]
if call('EXISTS', bull .. id .. ':lock') == 1 then return 0 end
local job = jobOf(id)
local list = job and indexed(id, job)
if list then
  unindex(id, job, list)
  deactivateIfEmpty(list, job.tenant)
  save()
end
return 1
`);
