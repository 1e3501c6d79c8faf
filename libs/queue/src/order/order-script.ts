import { LuaScript } from "@expert-router/redis";

/** Members of BullMQ's event stream that are kept. */
export const maxQueueEvents = 100;

/**
 * What every script of the order begins with. KEYS[1]: `redisKeys.orderState`; ARGV[1]: what BullMQ's keys begin with.
 * All other keys are made of these and share their hash tag. Beside the state:
 *
 * - `waiting:<list>:<tenant>`: sorted set of the waiting jobs, first the least score
 * - `tenants:<list>`: sorted set of tenants that have waiting jobs, by their virtual time; `parked:<list>`: those of them that run as
 *   many jobs as they may; `past:<list>`: virtual times of tenants without work that are ahead of the list's
 * - `weights:<list>`: hash of the weights, other than 1, of tenants that have waiting jobs
 * - `run`: hash of the running jobs, `running`: hash tenant → number of them
 * - `due`: sorted set of jobs with a deadline, by the latest time at which they should start
 * - `workers`, `took:<worker>`, `bell:<worker>`: what is known of each worker, what it took last, and how to wake it
 * - `prefixes`, `prefix-ages`, `left`: which worker answered which conversation, and since when a job is left to it
 * - `booked:<class>`, `booked-until:<class>`, `granted:<class>`: see the admission
 *
 * A list is named like a class. A job waits in the list of its class, or in the interactive one when its deadline is near.
 */
const prelude = `
local call = redis.call
local stateKey, bull = KEYS[1], ARGV[1]
local order = bull .. 'order:'
local classes = {'interactive', 'async', 'batch'}
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function exact(number) return string.format('%.17g', number) end

local state, changed = {}, {}
do
  local fields = call('HGETALL', stateKey)
  for i = 1, #fields, 2 do state[fields[i]] = tonumber(fields[i + 1]) end
end
local function get(field) return state[field] or 0 end
local function set(field, value)
  state[field] = value
  changed[field] = true
end
local function add(field, value) set(field, get(field) + value) end
local function save()
  local args = {}
  for field in pairs(changed) do
    args[#args + 1] = field
    args[#args + 1] = exact(state[field])
  end
  if #args > 0 then call('HSET', stateKey, unpack(args)) end
end

local function waitingKey(list, tenant) return order .. 'waiting:' .. list .. ':' .. tenant end
local function ring() call('ZADD', bull .. 'marker', 0, '0') end
local function event(name, id, ...) call('XADD', bull .. 'events', 'MAXLEN', '~', ${maxQueueEvents}, '*', 'event', name, 'jobId', id, ...) end

-- What a job's BullMQ hash says of it. Jobs of an earlier version say nothing.
local classOf = {['10'] = 'async', ['20'] = 'batch'}
local function jobFrom(data, priority)
  local known, job = pcall(cjson.decode, data or '')
  if not known or type(job) ~= 'table' or type(job.tenant) ~= 'string' then job = {tenant = 'unknown'} end
  job.class = job.class or classOf[priority] or 'interactive'
  job.tokens = job.tokens or 1
  job.weight = job.weight or 1
  return job
end
local function jobOf(id)
  local fields = call('HMGET', bull .. id, 'data', 'priority')
  if not fields[2] then return nil end
  return jobFrom(fields[1], fields[2])
end

local function indexed(id, job)
  if call('ZSCORE', waitingKey(job.class, job.tenant), id) then return job.class end
  if job.deadline and call('ZSCORE', waitingKey('interactive', job.tenant), id) then return 'interactive' end
  return nil
end

-- A tenant gets no credit for the time in which it had nothing to do.
local function activate(list, tenant, weight)
  if weight ~= 1 then call('HSET', order .. 'weights:' .. list, tenant, exact(weight)) end
  if call('ZSCORE', order .. 'tenants:' .. list, tenant) or call('ZSCORE', order .. 'parked:' .. list, tenant) then return end
  local own = call('ZSCORE', order .. 'past:' .. list, tenant)
  if own then call('ZREM', order .. 'past:' .. list, tenant) end
  call('ZADD', order .. 'tenants:' .. list, exact(math.max(tonumber(own or 0), get('time:' .. list))), tenant)
end

local function remember(list, tenant, virtual)
  if virtual > get('time:' .. list) then call('ZADD', order .. 'past:' .. list, exact(virtual), tenant) end
end

local function deactivateIfEmpty(list, tenant)
  if call('EXISTS', waitingKey(list, tenant)) == 1 then return end
  for _, where in ipairs({'tenants:', 'parked:'}) do
    local virtual = call('ZSCORE', order .. where .. list, tenant)
    if virtual then
      call('ZREM', order .. where .. list, tenant)
      call('HDEL', order .. 'weights:' .. list, tenant)
      remember(list, tenant, tonumber(virtual))
    end
  end
end

local function latestStart(deadline) return deadline - 1.5 * get('service') - 500 end

local function index(id, job, sequence)
  if call('ZADD', waitingKey(job.class, job.tenant), 'NX', sequence, id) == 0 then return end
  activate(job.class, job.tenant, job.weight)
  -- Nor does a class: its guaranteed share counts from when it has work.
  if get('jobs:' .. job.class) <= 0 then set('share:' .. job.class, math.max(get('share:' .. job.class), get('total'))) end
  add('jobs:' .. job.class, 1)
  add('tokens:' .. job.class, job.tokens)
  if job.deadline then call('ZADD', order .. 'due', latestStart(job.deadline), id) end
end

-- Takes a waiting job out of its list.
local function unindex(id, job, list)
  if call('ZREM', waitingKey(list, job.tenant), id) == 0 then return end
  add('jobs:' .. job.class, -1)
  add('tokens:' .. job.class, -job.tokens)
  if get('jobs:' .. job.class) <= 0 then
    set('jobs:' .. job.class, 0)
    set('tokens:' .. job.class, 0)
  end
  if job.deadline then call('ZREM', order .. 'due', id) end
  if job.behind then call('ZREM', order .. 'left', id) end
end
`;

/** A script on the order of one expert's queue. */
export function orderScript(body: string): LuaScript {
  return new LuaScript(prelude + body);
}
