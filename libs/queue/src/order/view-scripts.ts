import { orderScript } from "./order-script.js";

/** Answers of each class: waiting jobs and tokens, started jobs and tokens, bookings; the returned jobs count as interactive. */
export const figuresScript = orderScript(`
local figures = {}
for _, class in ipairs(classes) do
  local returned = class == 'interactive' and call('LLEN', bull .. 'wait') or 0
  for _, value in ipairs({
    get('jobs:' .. class) + returned,
    math.max(0, get('tokens:' .. class)),
    get('started:' .. class),
    get('started-tokens:' .. class),
    call('ZCOUNT', order .. 'booked-until:' .. class, now, '+inf'),
  }) do figures[#figures + 1] = math.floor(value) end
end
return figures
`);

/** ARGV: tenant, class. Answers how many of its jobs of the class wait. */
export const waitingOfScript = orderScript(`
return call('ZCARD', waitingKey(ARGV[3], ARGV[2]))
`);

/**
 * ARGV: id. Answers the jobs before it in all, and in its own class; nothing when it does not wait. Each other tenant of its list is
 * served until its virtual time has passed that of the job; of many tenants, the first 200 stand for all.
 */
export const placeScript = orderScript(`
local id = ARGV[2]
local returned = call('LLEN', bull .. 'wait')
local fromEnd = call('LPOS', bull .. 'wait', id, 'RANK', -1)
if fromEnd then
  local position = math.max(0, returned - 1 - fromEnd)
  return {position, position}
end
if not call('ZSCORE', bull .. 'prioritized', id) then return {} end
local job = jobOf(id)
local list = job and indexed(id, job)
if not list then return {call('ZRANK', bull .. 'prioritized', id), 0} end

local own = call('ZRANK', waitingKey(list, job.tenant), id)
local each = math.max(1, get('tokens:' .. job.class) / math.max(1, get('jobs:' .. job.class)))
local tenantsKey = order .. 'tenants:' .. list
local virtual = tonumber(call('ZSCORE', tenantsKey, job.tenant) or call('ZSCORE', order .. 'parked:' .. list, job.tenant) or 0)
local start = virtual + own * each / job.weight

local others, seen = 0, 0
local page = call('ZRANGE', tenantsKey, 0, 199, 'WITHSCORES')
for i = 1, #page, 2 do
  local tenant, ahead = page[i], start - tonumber(page[i + 1])
  if ahead < 0 then break end
  seen = seen + 1
  if tenant ~= job.tenant then
    local weight = tonumber(call('HGET', order .. 'weights:' .. list, tenant) or 1)
    -- At the same virtual time the name decides, as in the sorted set.
    local turns = ahead * weight / each
    local whole = math.floor(turns)
    if turns > whole or tenant < job.tenant then whole = whole + 1 end
    others = others + math.min(whole, call('ZCARD', waitingKey(list, tenant)))
  end
end
if seen == 200 then others = others * call('ZCOUNT', tenantsKey, '-inf', exact(start)) / 200 end

local higher = 0
for _, class in ipairs(classes) do
  if class == list then break end
  higher = higher + get('jobs:' .. class)
end
local inClass = math.floor(own + others)
return {returned + higher + inClass, inClass}
`);
