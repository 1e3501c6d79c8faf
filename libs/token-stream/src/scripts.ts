import { formatPosition, redisKeys, terminalPosition, type RequestId } from "@expert-router/contracts";
import { LuaScript } from "@expert-router/redis";

/**
 * The state changes of a request, each atomic. KEYS are always the request's `meta` hash and `log` stream,
 * which share a hash tag. Live frames are published inside the scripts, so that no follower hears of anything
 * that the log has not accepted. A frame is a line; a message is one or more lines:
 *
 *     D <id> <epoch> <first seq> <deltas JSON>                deltas were appended
 *     O <id> <epoch> <mode> <last position before>            an attempt after the first was opened
 *     E <id> <last position> <terminal JSON>                  the log was closed
 */
const terminalId = formatPosition(terminalPosition);
/** What stands before and behind the id in the name of a log. */
const logKeyParts = redisKeys.log("req_" as RequestId).split("req_") as [string, string];

/** Why an entry was refused whose log has expired. */
export const logGone = "the log is gone";

const publishLua = `
local function publish(channels, payload)
  for channel in string.gmatch(channels, '%S+') do redis.call('PUBLISH', channel, payload) end
end
local function last_id(log)
  local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
  return last[1] and last[1][1] or '0-0'
end
`;

/**
 * Opens the next attempt. ARGV: request id, worker id, endpoints that the engine continues, now in ms.
 * Answers `{mode}` for gone and closed, else `{mode, epoch, attempt, live channels, HGETALL meta}`.
 */
export const openScript = new LuaScript(`${publishLua}
local meta, log = KEYS[1], KEYS[2]
if redis.call('HEXISTS', meta, 'status') == 0 then return {'gone'} end
local before = last_id(log)
if before == '${terminalId}' then return {'closed'} end
local openings = tonumber(string.match(before, '^(%d+)'))
local epoch = openings + 1
local written = redis.call('XLEN', log) > openings
local mode = 'fresh'
if written then
  local continues = string.find(' ' .. ARGV[3] .. ' ', ' ' .. redis.call('HGET', meta, 'endpoint') .. ' ', 1, true)
  if continues and redis.call('HGET', meta, 'continuable') == '1' then mode = 'continue'
  elseif redis.call('HGET', meta, 'exposed') ~= '1' then mode = 'restart'
  else mode = 'interrupted' end
end
local attempt = redis.call('HINCRBY', meta, 'attempts', 1)
redis.call('HSET', meta, 'status', 'in_progress', 'worker', ARGV[2])
redis.call('HSETNX', meta, 'startedAtMs', ARGV[4])
redis.call('XADD', log, epoch .. '-0', 'o', mode, 'b', before)
redis.call('PEXPIRE', log, redis.call('PTTL', meta))
if mode == 'restart' then redis.call('HSET', meta, 'base', epoch) end
local live = redis.call('HGET', meta, 'live') or ''
if epoch > 1 then publish(live, 'O ' .. ARGV[1] .. ' ' .. epoch .. ' ' .. mode .. ' ' .. before) end
return {mode, epoch, attempt, live, redis.call('HGETALL', meta)}
`);

/**
 * Appends deltas of many attempts that publish to the same channels. ARGV: channels, then one for each attempt:
 * `<id> <epoch> <first seq> <last seq> <deltas JSON>`; the key follows from the id. One argument an attempt, because
 * the client library's cost grows with their number. KEYS: the first attempt's log, which a cluster routes by.
 * Answers the refused ones: index from 0 and reason, in turn.
 */
export const appendScript = new LuaScript(`${publishLua}
local lines, refused = {}, {}
for i = 2, #ARGV do
  local id, epoch, first, last, deltas = string.match(ARGV[i], '^(%S+) (%d+) (%d+) (%d+) (.*)$')
  local log = '${logKeyParts[0]}' .. id .. '${logKeyParts[1]}'
  local added = redis.pcall('XADD', log, 'NOMKSTREAM', epoch .. '-' .. last, 'd', deltas)
  if type(added) == 'string' then
    lines[#lines + 1] = 'D ' .. id .. ' ' .. epoch .. ' ' .. first .. ' ' .. deltas
  else
    refused[#refused + 1] = i - 2
    refused[#refused + 1] = type(added) == 'table' and added.err or '${logGone}'
  end
end
if #lines > 0 then publish(ARGV[1], table.concat(lines, '\\n')) end
return refused
`);

/**
 * Closes the log. ARGV: request id, status, terminal JSON, now in ms, retention in ms of a sync request and of a job,
 * epoch of the attempt that closes ('' from outside), sequence number of its next delta, then of its last deltas entry id
 * and JSON ('' if none), usage JSON, error JSON ('' if none), how long a dead letter is kept in ms ('' if it is none). Answers `{closed | already-closed | refused | behind | gone,
 * expert, status}`; behind: an earlier entry of this attempt is not in the log yet. Only a dead letter
 * keeps its body: it may be replayed.
 */
export const closeScript = new LuaScript(`${publishLua}
local meta, log = KEYS[1], KEYS[2]
local fields = redis.call('HMGET', meta, 'status', 'kind', 'expert', 'live')
if not fields[1] then return {'gone'} end
local last = last_id(log)
if last == '${terminalId}' then return {'already-closed', fields[3], fields[1]} end
local payload = ''
if ARGV[7] ~= '' then
  if string.match(last, '^(%d+)') ~= ARGV[7] then return {'refused', fields[3], fields[1]} end
  if last ~= ARGV[7] .. '-' .. (ARGV[8] - 1) then return {'behind', fields[3], fields[1]} end
  if ARGV[9] ~= '' then
    redis.call('XADD', log, ARGV[9], 'd', ARGV[10])
    payload = 'D ' .. ARGV[1] .. ' ' .. ARGV[7] .. ' ' .. ARGV[8] .. ' ' .. ARGV[10] .. '\\n'
    last = ARGV[9]
  end
end
redis.call('XADD', log, '${terminalId}', 't', ARGV[3])
redis.call('HSET', meta, 'status', ARGV[2], 'finishedAtMs', ARGV[4])
if ARGV[13] == '' then redis.call('HDEL', meta, 'body') end
if ARGV[11] ~= '' then redis.call('HSET', meta, 'usage', ARGV[11]) end
if ARGV[12] ~= '' then redis.call('HSET', meta, 'error', ARGV[12]) end
local retention = fields[2] == 'job' and ARGV[6] or ARGV[5]
if ARGV[13] ~= '' and tonumber(ARGV[13]) > tonumber(retention) then retention = ARGV[13] end
redis.call('PEXPIRE', meta, retention)
redis.call('PEXPIRE', log, retention)
publish(fields[4] or '', payload .. 'E ' .. ARGV[1] .. ' ' .. last .. ' ' .. ARGV[3])
return {'closed', fields[3], ARGV[2]}
`);

/**
 * Registers a follower. ARGV: its live channel. KEYS: meta only. From now on the request is exposed: no attempt
 * may void what an earlier one wrote. Answers `{status, expert, first epoch that counts}` or nil if gone.
 */
export const watchScript = new LuaScript(`
local meta = KEYS[1]
local fields = redis.call('HMGET', meta, 'status', 'expert', 'base', 'live')
if not fields[1] then return false end
redis.call('HSET', meta, 'exposed', '1')
local live = fields[4] or ''
if not string.find(' ' .. live .. ' ', ' ' .. ARGV[1] .. ' ', 1, true) then
  redis.call('HSET', meta, 'live', live == '' and ARGV[1] or live .. ' ' .. ARGV[1])
end
return {fields[1], fields[2], fields[3] or '0'}
`);
