import { accountsLua } from "./accounts.js";
import { orderScript } from "./order-script.js";

/** Jobs that one call takes at most. */
export const maxTaken = 64;
/** Tenants without work of whom it is remembered, in each list, how far they are ahead. */
const maxPastTenants = 10_000;
/** Ends of jobs that one call reports at most. */
export const maxReported = 256;

const settings = `
local worker, token = ARGV[2], ARGV[3]
local wanted, room, concurrency, lockMs = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local headroom = tonumber(ARGV[8])
local minShare = {interactive = tonumber(ARGV[9]), async = tonumber(ARGV[10]), batch = tonumber(ARGV[11])}
local tookKey, runKey, runningKey = order .. 'took:' .. worker, order .. 'run', order .. 'running'
local prioritizedKey, waitKey = bull .. 'prioritized', bull .. 'wait'
local jobs = {}
local lookAgainMs = -1
local function lookAgainIn(ms) if lookAgainMs < 0 or ms < lookAgainMs then lookAgainMs = ms end end

-- While batch work takes every place above the reserve, interactive requests that use the share \`load\` of all places meet none that is free with
-- about load ^ reserve: each that comes takes one, each job that ends gives one back. So many that it is 3 in 100, within the headroom;
-- a part of a place is one for this part of the time.
local function reserveOf(places)
  -- Nobody to keep places for.
  if now - get('interactive-at') > 60000 then return 0 end
  local load = math.min(0.99, math.max(0.01, get('interactive-load')))
  local reserve = math.floor(math.log(0.03) / math.log(load) + (now % 2000) / 2000)
  return math.max(0, math.min(math.max(1, reserve), math.ceil(headroom * places), places - 1))
end

-- Workers whose last call is fresh; what they had room for then.
local roomOf = {}
local function look(id)
  if roomOf[id] == nil then
    local packed = call('HGET', order .. 'workers', id)
    local seen = packed and cmsgpack.unpack(packed)
    -- {room, places, time of its last call}
    roomOf[id] = seen and now - seen[3] < 3000 and seen or false
  end
  return roomOf[id]
end
local known
local function knownWorkers()
  known = known or call('HGETALL', order .. 'workers')
  return known
end
local function ringWorker(id)
  call('ZADD', order .. 'bell:' .. id, 0, '0')
  call('PEXPIRE', order .. 'bell:' .. id, 5000)
end
`;

const upkeep = `
-- As BullMQ's promoteDelayedJobs: a job that a worker had goes to the list that is served first.
local delayed = call('ZRANGEBYSCORE', bull .. 'delayed', 0, (now + 1) * 0x1000 - 1, 'LIMIT', 0, 100)
for _, id in ipairs(delayed) do
  call('ZREM', bull .. 'delayed', id)
  call('LPUSH', waitKey, id)
  call('HSET', bull .. id, 'delay', 0, 'priority', 0)
  event('waiting', id)
end

-- Jobs that BullMQ has and the order has not: it was lost, or another program added them.
local function adopt(count)
  local found = 0
  local page = call('ZSCAN', prioritizedKey, exact(get('adopt-at')), 'COUNT', count)
  set('adopt-at', tonumber(page[1]))
  for i = 1, #page[2], 2 do
    local id = page[2][i]
    local job = jobOf(id)
    if not job then call('ZREM', prioritizedKey, id)
    elseif not indexed(id, job) then
      index(id, job, tonumber(page[2][i + 1]) % 0x100000000)
      found = found + 1
    end
  end
  return found
end
local function missing()
  return call('ZCARD', prioritizedKey) ~= get('jobs:interactive') + get('jobs:async') + get('jobs:batch')
end
-- What was counted as waiting while nothing waits: another program removed it after it had changed its list.
local function forgetLost()
  for _, list in ipairs(classes) do
    if call('EXISTS', order .. 'tenants:' .. list, order .. 'parked:' .. list) > 0 then return end
  end
  for _, class in ipairs(classes) do
    set('jobs:' .. class, 0)
    set('tokens:' .. class, 0)
  end
end

if now - get('checked-at') >= 250 then
  set('checked-at', now)
  if missing() and adopt(200) == 0 then forgetLost() end
  -- Runs whose end nobody told: their worker was killed, or the report was lost.
  local page = call('HSCAN', runKey, exact(get('run-at')), 'COUNT', 50)
  set('run-at', tonumber(page[1]))
  for i = 1, #page[2], 2 do
    local run = cmsgpack.unpack(page[2][i + 1])
    if call('GET', bull .. page[2][i] .. ':lock') ~= run[1] then
      -- The report may be under way.
      if not run[8] then
        run[8] = now
        call('HSET', runKey, page[2][i], cmsgpack.pack(run))
      elseif now - run[8] >= 1000 then finish(page[2][i], run[1], -2) end
    end
  end
  local workers, places = knownWorkers(), 0
  for i = 1, #workers, 2 do
    local seen = cmsgpack.unpack(workers[i + 1])
    if now - seen[3] > 60000 then call('HDEL', order .. 'workers', workers[i]) end
    if now - seen[3] < 3000 then places = places + seen[2] end
  end
  -- Smoothed over about 5 s.
  if places > 0 then set('interactive-load', 0.95 * get('interactive-load') + 0.05 * get('interactive-running') / places) end
  for _, prefix in ipairs(call('ZRANGEBYSCORE', order .. 'prefix-ages', '-inf', now - 600000, 'LIMIT', 0, 20)) do
    call('ZREM', order .. 'prefix-ages', prefix)
    call('HDEL', order .. 'prefixes', prefix)
  end
  -- Of very many tenants that came once, those that are least ahead are forgiven.
  for _, list in ipairs(classes) do call('ZREMRANGEBYRANK', order .. 'past:' .. list, 0, -1 - ${maxPastTenants}) end
end

-- A job whose deadline is near goes to the front of its own tenant's interactive list: it passes its tenant's others, not other tenants.
for _, id in ipairs(call('ZRANGEBYSCORE', order .. 'due', '-inf', now, 'LIMIT', 0, 16)) do
  call('ZREM', order .. 'due', id)
  local job = jobOf(id)
  local key = job and waitingKey(job.class, job.tenant)
  if job and call('ZREM', key, id) == 1 then
    deactivateIfEmpty(job.class, job.tenant)
    call('ZADD', waitingKey('interactive', job.tenant), job.deadline - 1e14, id)
    activate('interactive', job.tenant, job.weight)
  end
end
`;

const picking = `
local function start(id, job, list)
  call('LPUSH', bull .. 'active', id)
  call('SET', bull .. id .. ':lock', token, 'PX', lockMs)
  -- Without a priority BullMQ puts it back to the head of the list that is served first.
  call('HSET', bull .. id, 'processedOn', now, 'priority', 0)
  call('HINCRBY', bull .. id, 'ats', 1)
  event('active', id)
  if call('HEXISTS', runKey, id) == 0 then
    call('HINCRBY', runningKey, job.tenant, 1)
    if job.class == 'interactive' then add('interactive-running', 1) end
  end
  call('HSET', runKey, id, cmsgpack.pack({token, list, job.class, job.tenant, job.tokens, job.weight, now}))
  if job.after then
    call('HSET', order .. 'prefixes', job.after, worker)
    call('ZADD', order .. 'prefix-ages', now, job.after)
    if call('ZCARD', order .. 'prefix-ages') > 10000 then
      call('HDEL', order .. 'prefixes', call('ZPOPMIN', order .. 'prefix-ages')[1])
    end
  end
  jobs[#jobs + 1] = id
  jobs[#jobs + 1] = job.class
end

-- Handed back, put off or stalled: it was charged when it was taken first.
local function takeReturned()
  for _ = 1, 16 do
    local id = call('RPOP', waitKey)
    if not id then return false end
    local job = jobOf(id)
    if job then
      start(id, job, job.class)
      return true
    end
  end
  return false
end

-- Whether the worker that answered this conversation's last turn may have it first.
local function leftToHolder(id, job)
  local holder = job.behind and call('HGET', order .. 'prefixes', job.behind)
  if not holder or holder == worker then return false end
  local seen = look(holder)
  if not seen or seen[1] <= 0 then return false end
  local since = call('ZSCORE', order .. 'left', id)
  local waitedMs = since and now - since or 0
  if waitedMs >= 50 then return false end
  seen[1] = seen[1] - 1
  if not since then
    call('ZADD', order .. 'left', now, id)
    call('ZREMRANGEBYSCORE', order .. 'left', '-inf', now - 60000)
    ringWorker(holder)
  end
  lookAgainIn(50 - waitedMs)
  return true
end

-- Tenants whose jobs are all left to other workers, for the rest of this call.
local aside = {}

local function takeFrom(list)
  local tenantsKey = order .. 'tenants:' .. list
  for _ = 1, 64 do
    local first = call('ZRANGE', tenantsKey, 0, 0, 'WITHSCORES')
    if #first == 0 then return false end
    local tenant, virtual = first[1], tonumber(first[2])
    local key = waitingKey(list, tenant)
    local ids = call('ZRANGE', key, 0, 3)
    local allLeft, parked = #ids > 0, false
    for _, id in ipairs(ids) do
      local job = jobOf(id)
      if not job or not call('ZSCORE', prioritizedKey, id) then
        -- Removed by another program.
        unindex(id, job or {class = list, tenant = tenant, tokens = get('tokens:' .. list) / math.max(1, get('jobs:' .. list))}, list)
        allLeft = false
      elseif job.maxRunning and tonumber(call('HGET', runningKey, tenant) or 0) >= job.maxRunning then
        call('ZREM', tenantsKey, tenant)
        call('ZADD', order .. 'parked:' .. list, exact(virtual), tenant)
        allLeft, parked = false, true
        break
      elseif not leftToHolder(id, job) then
        call('ZREM', prioritizedKey, id)
        unindex(id, job, list)
        set('time:' .. list, math.max(get('time:' .. list), virtual))
        call('ZADD', tenantsKey, exact(virtual + job.tokens / job.weight), tenant)
        deactivateIfEmpty(list, tenant)
        charge(job.class, job.tokens)
        add('started:' .. job.class, 1)
        add('started-tokens:' .. job.class, job.tokens)
        start(id, job, list)
        return true
      end
    end
    if allLeft then
      call('ZREM', tenantsKey, tenant)
      aside[#aside + 1] = {tenantsKey, exact(virtual), tenant}
    elseif not parked then deactivateIfEmpty(list, tenant) end
  end
  lookAgainIn(1)
  return false
end

local exhausted, held = {}, false
-- A class that got less than its guaranteed share of the tokens, most behind first.
local function takeGuaranteed()
  while true do
    local class, behind = nil, nil
    for _, each in ipairs(classes) do
      if minShare[each] > 0 and not exhausted[each] and get('jobs:' .. each) > 0 then
        -- Due when half of a job's cost is owed, so that over time the share is met, neither more nor less.
        local owed = get('total') - get('share:' .. each) - 0.5 * get('tokens:' .. each) / get('jobs:' .. each) / minShare[each]
        if owed >= 0 and (not behind or owed > behind) then class, behind = each, owed end
      end
    end
    if not class then return false end
    if takeFrom(class) then return true end
    exhausted[class] = true
    -- Its tenants run as much as they may: what they leave is owed for 10 s at most, or whoever comes next would get all of it at once.
    set('share:' .. class, math.max(get('share:' .. class), get('total') - 10 * get('rate')))
  end
end
local function takeNext()
  if takeReturned() or takeGuaranteed() then return true end
  for _, list in ipairs(classes) do
    if not exhausted[list] then
      if list == 'batch' and room - #jobs / 2 <= reserveOf(concurrency) then
        held = call('EXISTS', order .. 'tenants:batch') == 1
      elseif takeFrom(list) then return true
      else exhausted[list] = true end
    end
  end
  return false
end
`;

const outcome = `
-- Where there is room for all that wait, workers share it by their room. The rest is here to be taken at once if nobody else comes.
local function fairShare()
  if wanted == 1 then return 1 end
  local waiting, everywhere = call('ZCARD', prioritizedKey) + call('LLEN', waitKey), room
  if waiting <= 1 then return wanted end
  local workers = knownWorkers()
  for i = 1, #workers, 2 do
    local seen = workers[i] ~= worker and look(workers[i])
    if seen then everywhere = everywhere + math.max(0, seen[1]) end
  end
  if waiting >= everywhere then return wanted end
  return math.min(wanted, math.ceil(waiting * room / everywhere))
end

local resent = wanted > 0 and call('GET', tookKey)
local took = resent and cmsgpack.unpack(resent)
if took and took[1] == token then
  -- The client library sent the call again: its first answer was lost.
  for i = 2, #took, 2 do
    if call('GET', bull .. took[i] .. ':lock') == token then
      jobs[#jobs + 1] = took[i]
      jobs[#jobs + 1] = took[i + 1]
    end
  end
elseif wanted > 0 and call('HEXISTS', bull .. 'meta', 'paused') == 0 then
  local adopted = false
  local fair = fairShare()
  while #jobs < 2 * fair do
    if not takeNext() then
      if adopted or not missing() then break end
      adopted = true
      local found = adopt(500)
      exhausted = {}
      if missing() then lookAgainIn(found > 0 and 1 or 100) end
    end
  end
  for _, each in ipairs(aside) do call('ZADD', each[1], each[2], each[3]) end
  for _, list in ipairs(classes) do call('ZREMRANGEBYSCORE', order .. 'past:' .. list, '-inf', exact(get('time:' .. list))) end
  if #jobs > 0 then call('SET', tookKey, cmsgpack.pack({token, unpack(jobs)}), 'PX', 600000) end
  if held then
    -- Another worker may have room enough to take it.
    local workers = knownWorkers()
    for i = 1, #workers, 2 do
      local seen = workers[i] ~= worker and look(workers[i])
      if seen and seen[1] > reserveOf(seen[2]) then
        ringWorker(workers[i])
        break
      end
    end
  end
  if #jobs == 2 * fair and (call('LLEN', waitKey) > 0 or get('jobs:interactive') + get('jobs:async') + get('jobs:batch') > 0) then
    ring()
  end
end
call('HSET', order .. 'workers', worker, cmsgpack.pack({room - #jobs / 2, concurrency, now}))
if freed and wanted == 0 then ring() end
save()
local nextDelayed = call('ZRANGE', bull .. 'delayed', 0, 0, 'WITHSCORES')[2]
if nextDelayed then lookAgainIn(math.max(1, math.floor(nextDelayed / 0x1000) - now)) end
return {jobs, lookAgainMs, held and 1 or 0}
`;

/**
 * Takes up to so many jobs for a worker, and hears which of its jobs have ended. What BullMQ's `moveToActive` does for
 * one job is done for each, and what its `moveToFinished` does for those that are done. ARGV: worker, lock token, jobs wanted, free places, all places, lock in ms, headroom, minimum shares of the three
 * classes, number of ended jobs, then of each its id, its token and the tokens that it cost (-1: not known; -2: it did not end, and
 * others may run it). Answers the jobs' ids
 * and classes, in how many ms to look again (-1: when the bell rings), and whether batch work waits for more free places than there are
 * (1). Called again with the same token it answers the same jobs.
 */
export const takeScript = orderScript(settings + accountsLua + upkeep + picking + outcome);
