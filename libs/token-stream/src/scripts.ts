import { formatPosition, redisKeys, terminalPosition, type RequestId } from "@expert-router/contracts";
import { LuaScript } from "@expert-router/redis";

/**
 * The state changes of a request, each atomic. KEYS are always the request's `meta` hash and `log` stream,
 * which share a hash tag. Live frames are published inside the scripts, so that no follower hears of anything
 * that the log has not accepted. A frame is a line; a message is one or more lines:
 *
 *     D <id> <epoch> <pen> <first seq> <deltas JSON>                          deltas were appended
 *     O <id> <epoch> <pen> <mode> <last position before> <pen before>         an attempt after the first was opened
 *     E <id> <last position> <pen> <terminal JSON>                            the log was closed
 *
 * A pen names who writes an epoch. A Redis that comes back without its last writes (a promoted replica, an append-only
 * file that lacks a second) can open an epoch again that somebody has written to already, so its number alone says too little.
 * The second field of every entry is the pen.
 */
const terminalId = formatPosition(terminalPosition);
/** What stands before and behind the id in the name of a log. */
const logKeyParts = redisKeys.log("req_" as RequestId).split("req_") as [string, string];

const publishLua = `
local function publish(channels, payload)
  for channel in string.gmatch(channels, '%S+') do redis.call('PUBLISH', channel, payload) end
end
local function tail(log)
  local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  if not last then return '0-0', '-' end
  return last[1], last[2][4] or '-'
end
`;

/**
 * Opens the next attempt. ARGV: request id, worker id, endpoints that the engine continues, now in ms, pen.
 * Answers `{mode}` for gone and closed, else `{mode, epoch, attempt, live channels, HGETALL meta}`.
 */
export const openScript = new LuaScript(`${publishLua}
local meta, log = KEYS[1], KEYS[2]
if redis.call('HEXISTS', meta, 'status') == 0 then return {'gone'} end
local before, before_pen = tail(log)
if before == '${terminalId}' then return {'closed'} end
local openings = tonumber(string.match(before, '^(%d+)'))
if before_pen == ARGV[5] then
  -- Sent twice: the client library never heard the answer.
  local mode = redis.call('XRANGE', log, before, before)[1][2][2]
  local attempts = tonumber(redis.call('HGET', meta, 'attempts'))
  return {mode, openings, attempts, redis.call('HGET', meta, 'live') or '', redis.call('HGETALL', meta)}
end
local epoch = openings + 1
-- What a restart voided does not count.
local base = redis.call('HMGET', meta, 'base', 'baseLength')
local written = redis.call('XLEN', log) - (base[2] or 0) > openings - (base[2] and base[1] or 0)
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
redis.call('XADD', log, epoch .. '-0', 'o', mode, 'p', ARGV[5], 'b', before .. ' ' .. before_pen)
local ttl = redis.call('PTTL', meta)
if ttl > 0 then redis.call('PEXPIRE', log, ttl) end
if mode == 'restart' then redis.call('HSET', meta, 'base', epoch, 'baseLength', redis.call('XLEN', log)) end
local live = redis.call('HGET', meta, 'live') or ''
if epoch > 1 then
  publish(live, table.concat({'O', ARGV[1], epoch, ARGV[5], mode, before, before_pen}, ' '))
end
return {mode, epoch, attempt, live, redis.call('HGETALL', meta)}
`);

/**
 * Appends deltas of many attempts that publish to the same channels. ARGV: channels, then one for each attempt:
 * `<id> <epoch> <pen> <first seq> <last seq> <deltas JSON>`; the key follows from the id. One argument an attempt, because
 * the client library's cost grows with their number. KEYS: the first attempt's log, which a cluster routes by, so there
 * it is the only one. An entry is taken only right behind the attempt's last one. Answers those that were not taken: index
 * from 0 and {@link AppendRefusal}, in turn. An entry that is there already, sent twice, counts as taken.
 */
export const appendScript = new LuaScript(`${publishLua}
local lines, refused = {}, {}
local function refusal(log, last_id, last_pen, epoch, pen, first, last)
  if last_id == '0-0' then return 'gone' end
  local last_epoch, last_seq = string.match(last_id, '^(%d+)-(%d+)$')
  if tonumber(last_epoch) < tonumber(epoch) then return 'forgotten' end
  if last_epoch ~= epoch or last_pen ~= pen then return 'fenced' end
  if tonumber(last_seq) < tonumber(last) then return 'behind ' .. last_seq end
end
for i = 2, #ARGV do
  local id, epoch, pen, first, last, deltas = string.match(ARGV[i], '^(%S+) (%d+) (%S+) (%d+) (%d+) (.*)$')
  local log = '${logKeyParts[0]}' .. id .. '${logKeyParts[1]}'
  local last_id, last_pen = tail(log)
  local why
  if last_id == epoch .. '-' .. (first - 1) and last_pen == pen then
    local added = redis.pcall('XADD', log, 'NOMKSTREAM', epoch .. '-' .. last, 'd', deltas, 'p', pen)
    why = type(added) == 'table' and added.err
    -- A demoted master; the client finds the new one and asks again.
    if why and string.find(why, '^READONLY') then return added end
    if not why then
      lines[#lines + 1] = 'D ' .. id .. ' ' .. epoch .. ' ' .. pen .. ' ' .. first .. ' ' .. deltas
    end
  else
    why = refusal(log, last_id, last_pen, epoch, pen, first, last)
  end
  if why then
    refused[#refused + 1] = i - 2
    refused[#refused + 1] = why
  end
end
if #lines > 0 then publish(ARGV[1], table.concat(lines, '\\n')) end
return refused
`);

/**
 * Why an entry was not taken. `gone`: the log has expired. `fenced`: it was closed, or another attempt owns it. `forgotten`:
 * Redis has lost the attempt's opening. `behind <seq>`: it has lost, or not got, what the attempt wrote after that one.
 * Anything else is an error of Redis.
 */
export type AppendRefusal = "gone" | "fenced" | "forgotten" | `behind ${number}`;

/**
 * Closes the log. ARGV: request id, status, terminal JSON, now in ms, retention in ms of a sync request and of a job,
 * epoch of the attempt that closes ('' from outside), sequence number of its next delta, then of its last deltas entry id
 * and JSON ('' if none), usage JSON, error JSON ('' if none), how long a dead letter is kept in ms ('' if it is none), pen. Answers
 * `{closed | already-closed | refused | behind | gone, expert, status, last seq}`; behind: the log does not end where this
 * attempt takes it to end. Only a dead letter keeps its body, because it may be replayed, and a stored response.
 */
export const closeScript = new LuaScript(`${publishLua}
local meta, log = KEYS[1], KEYS[2]
local fields = redis.call('HMGET', meta, 'status', 'kind', 'expert', 'live', 'webhook', 'kept', 'keepBody')
if not fields[1] then return {'gone'} end
local last, pen = tail(log)
if last == '${terminalId}' then
  local terminal = redis.call('XRANGE', log, last, last)[1][2][2]
  -- Sent twice by one attempt: the client library never heard the answer.
  local same = ARGV[7] ~= '' and pen == ARGV[14] and terminal == ARGV[3]
  return {same and 'closed' or 'already-closed', fields[3], fields[1]}
end
local payload = ''
if ARGV[7] ~= '' then
  local last_epoch, last_seq = string.match(last, '^(%d+)-(%d+)$')
  if last_epoch ~= ARGV[7] or pen ~= ARGV[14] then return {'refused', fields[3], fields[1]} end
  if last ~= ARGV[7] .. '-' .. (ARGV[8] - 1) then return {'behind', fields[3], fields[1], last_seq} end
  if ARGV[9] ~= '' then
    redis.call('XADD', log, ARGV[9], 'd', ARGV[10], 'p', pen)
    payload = table.concat({'D', ARGV[1], ARGV[7], pen, ARGV[8], ARGV[10]}, ' ') .. '\\n'
    last = ARGV[9]
  end
end
redis.call('XADD', log, '${terminalId}', 't', ARGV[3], 'p', pen, 'l', last)
redis.call('HSET', meta, 'status', ARGV[2], 'finishedAtMs', ARGV[4])
if ARGV[13] == '' and not fields[7] then redis.call('HDEL', meta, 'body') end
if ARGV[11] ~= '' then redis.call('HSET', meta, 'usage', ARGV[11]) end
if ARGV[12] ~= '' then redis.call('HSET', meta, 'error', ARGV[12]) end
local retention = fields[6] or fields[2] == 'sync' and ARGV[5] or ARGV[6]
if ARGV[13] ~= '' and tonumber(ARGV[13]) > tonumber(retention) then retention = ARGV[13] end
redis.call('PEXPIRE', meta, retention)
redis.call('PEXPIRE', log, retention)
publish(fields[4] or '', payload .. table.concat({'E', ARGV[1], last, pen, ARGV[3]}, ' '))
if fields[5] then redis.call('PUBLISH', '${redisKeys.webhookChannel}', ARGV[1]) end
return {'closed', fields[3], ARGV[2]}
`);

/**
 * Writes the record of a request that Redis lost. KEYS: meta, log. ARGV: ms that it is kept, epochs that are taken already, then
 * the record's fields and values in turn. The number of attempts is told from the entries of the log, so each has its
 * opening. May run again when it was cut off.
 */
export const recreateScript = new LuaScript(`
for epoch = 1, tonumber(ARGV[2]) do redis.pcall('XADD', KEYS[2], epoch .. '-0', 'o', 'fresh') end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1
`);

/**
 * Writes a record unless it is there. KEYS: meta. ARGV: ms that it is kept, then fields and values in turn. Answers its
 * status and expert, or 'created' and ''.
 */
export const createOnceScript = new LuaScript(`
local there = redis.call('HMGET', KEYS[1], 'status', 'expert')
if there[1] then return there end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {'created', ''}
`);

/** Notes how an attempt left a request; a record that is gone stays gone. KEYS: meta. ARGV: '1' if it does not count, '1' if nothing can go on behind it. */
export const releaseScript = new LuaScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[2] == '1' then redis.call('HSET', KEYS[1], 'continuable', '0') end
if ARGV[1] == '1' then
  redis.call('HINCRBY', KEYS[1], 'attempts', -1)
  redis.call('HINCRBY', KEYS[1], 'refusals', 1)
end
return 1
`);

/**
 * Registers a follower. ARGV: its live channel, '1' if it shows what it is told. KEYS: meta only. From then on the request is
 * exposed: no attempt may void what an earlier one wrote. Answers `{status, expert, first epoch that counts}` or nil if gone.
 */
export const watchScript = new LuaScript(`
local meta = KEYS[1]
local fields = redis.call('HMGET', meta, 'status', 'expert', 'base', 'live')
if not fields[1] then return false end
if ARGV[2] == '1' then redis.call('HSET', meta, 'exposed', '1') end
local live = fields[4] or ''
if not string.find(' ' .. live .. ' ', ' ' .. ARGV[1] .. ' ', 1, true) then
  redis.call('HSET', meta, 'live', live == '' and ARGV[1] or live .. ' ' .. ARGV[1])
end
return {fields[1], fields[2], fields[3] or '0'}
`);
