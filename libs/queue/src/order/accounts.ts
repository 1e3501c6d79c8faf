/**
 * What a call of the take script does about runs that have ended: jobs that are done leave the queue, and each class and tenant is
 * charged for what its job cost. Each of the classes' virtual times runs ahead by what it used of its neighbours' share, but not for ever.
 */
export const accountsLua = `
local function charge(class, tokens)
  add('total', tokens)
  if minShare[class] > 0 then
    local cost = tokens / minShare[class]
    local ahead = get('total') + math.max(math.abs(cost), 10 * get('rate'))
    set('share:' .. class, math.min(get('share:' .. class) + cost, ahead))
  end
end

local function shift(list, tenant, virtual)
  for _, where in ipairs({'tenants:', 'parked:', 'past:'}) do
    local key = order .. where .. list
    if call('ZSCORE', key, tenant) then return call('ZINCRBY', key, exact(virtual), tenant) end
  end
  if virtual > 0 then remember(list, tenant, get('time:' .. list) + virtual) end
end

local freed = false
local function leave(tenant)
  if call('HINCRBY', runningKey, tenant, -1) <= 0 then call('HDEL', runningKey, tenant) end
  for _, list in ipairs(classes) do
    local virtual = call('ZSCORE', order .. 'parked:' .. list, tenant)
    if virtual then
      call('ZREM', order .. 'parked:' .. list, tenant)
      call('ZADD', order .. 'tenants:' .. list, exact(math.max(tonumber(virtual), get('time:' .. list))), tenant)
      freed = true
    end
  end
end

-- As BullMQ's moveToFinished: a job whose lock is another one's, or has run out, is left alone.
local function complete(id, runToken)
  local jobKey = bull .. id
  if call('GET', jobKey .. ':lock') ~= runToken then return end
  call('LREM', bull .. 'active', -1, id)
  call('SREM', bull .. 'stalled', id)
  call('DEL', jobKey, jobKey .. ':lock')
  event('completed', id, 'returnvalue', '""')
end

-- Told again, or of a run that somebody else has taken over: changes nothing.
local function finish(id, runToken, tokens)
  if tokens ~= -2 then complete(id, runToken) end
  local packed = call('HGET', runKey, id)
  if not packed then return end
  local run = cmsgpack.unpack(packed)
  if run[1] ~= runToken then return end
  call('HDEL', runKey, id)
  if run[3] == 'interactive' then set('interactive-running', math.max(0, get('interactive-running') - 1)) end
  leave(run[4])
  if tokens == -2 then return end
  if tokens >= 0 then
    local more = tokens - run[5]
    charge(run[3], more)
    shift(run[2], run[4], more / run[6])
  end
  local took = now - run[7]
  set('service', state['service'] and 0.9 * state['service'] + 0.1 * took or took)
end

local reports = tonumber(ARGV[12])
for i = 0, reports - 1 do finish(ARGV[13 + 3 * i], ARGV[14 + 3 * i], tonumber(ARGV[15 + 3 * i])) end
if now - get('rate-at') >= 5000 then
  local since = now - get('rate-at')
  set('rate', since < 60000 and math.max(0, get('total') - get('rate-total')) * 1000 / since or 0)
  set('rate-at', now)
  set('rate-total', get('total'))
end
`;
