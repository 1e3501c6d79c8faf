import { orderScript } from "./order-script.js";

/**
 * Does what BullMQ's `addPrioritizedJob` does and puts the job into the order, in one step, so that neither is ever there without the
 * other. ARGV: id, data, options, priority. Answers 0 when the id is there already.
 */
export const enqueueScript = orderScript(`
local id, data, options, priority = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local jobKey = bull .. id
if call('EXISTS', jobKey) == 1 then return 0 end
call('HSET', jobKey, 'name', 'request', 'data', data, 'opts', options, 'timestamp', now, 'delay', 0, 'priority', priority)
event('added', id)
local sequence = call('INCR', bull .. 'pc')
call('ZADD', bull .. 'prioritized', priority * 0x100000000 + sequence % 0x100000000, id)
event('waiting', id)
local job = jobOf(id)
index(id, job, sequence)
-- A place that was promised is taken now.
call('ZPOPMIN', order .. 'granted:' .. job.class)
if job.class == 'interactive' then set('interactive-at', now) end
save()
ring()
return 1
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
