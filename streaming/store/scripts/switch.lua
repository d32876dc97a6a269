-- A rebuilt namespace takes the place of the live one, at once.
--
-- KEYS: version, commit, format, the same three of the rebuilt namespace, the mark of the rebuild, then (the
--       rebuilt key, the live one it becomes) a move, then the live keys that go, then one lease a lease.
-- ARGV: one value in MessagePack (streaming/store/rebuild_namespace.py makes it):
--   version, commit                   the live ones that the rebuild was computed against
--   rebuilt_version, rebuilt_commit   those of the namespace
--   id, format                        the id of the new commit, and its format
--   moves                             a move: what the live key must be, if it is there: 'string', 'hash', or
--                                     the name of a field that a hash must have
--   leases                            what the value of each lease has to be
local version, commit, format, mark = KEYS[1], KEYS[2], KEYS[3], KEYS[7]
local FIRST_MOVE = 8
local switch = cmsgpack.unpack(ARGV[1])
local id, moves = switch.id, switch.moves
local first_gone = FIRST_MOVE + 2 * #moves
local last_gone = #KEYS - #switch.leases

local function refuse(kind, key, why)
    return {kind, key, why}
end

local function forbidden(...)
    return redis.acl_check_cmd and not redis.acl_check_cmd(...)
end

-- Check. The reply to the same script may have been lost: then it is done.
local current = redis.call('GET', version) or '0'
if redis.call('GET', commit) == id then return {'done', version, current} end
for i, value in ipairs(switch.leases) do
    local key = KEYS[last_gone + i]
    if redis.call('GET', key) ~= value then return refuse('lease', key, '') end
end
if current ~= switch.version or (redis.call('GET', commit) or '') ~= switch.commit then
    return refuse('conflict', version, current)
end
local rebuilt = redis.call('GET', KEYS[4]) or '0'
if rebuilt ~= switch.rebuilt_version or (redis.call('GET', KEYS[5]) or '') ~= switch.rebuilt_commit then
    return refuse('conflict', KEYS[4], rebuilt)
end
if forbidden('SET', version, 'a') or forbidden('SET', commit, 'a') or forbidden('SET', format, 'a') then
    return refuse('denied', version, 'SET')
end
for i, kind in ipairs(moves) do
    local from, to = KEYS[FIRST_MOVE + 2 * i - 2], KEYS[FIRST_MOVE + 2 * i - 1]
    if forbidden('RENAME', from, to) then return refuse('denied', to, 'RENAME') end
    local reply
    if kind == 'hash' then
        reply = redis.pcall('HLEN', to)
    elseif kind == 'string' then
        reply = redis.pcall('STRLEN', to)
    elseif kind == 'zset' then
        reply = redis.pcall('ZCARD', to)
    else
        reply = redis.pcall('HEXISTS', to, kind)
        if reply == 0 and redis.call('EXISTS', to) == 1 then return refuse('key', to, 'has no ' .. kind) end
    end
    if type(reply) == 'table' then return refuse('key', to, 'is a ' .. redis.call('TYPE', to).ok) end
end
for i = first_gone, last_gone do
    if forbidden('UNLINK', KEYS[i]) then return refuse('denied', KEYS[i], 'UNLINK') end
end

-- Write. SET comes first: where memory has run out, it is this write that is refused.
local new = tostring(math.max(tonumber(current), tonumber(rebuilt)) + 1)
redis.call('SET', version, new)
redis.call('SET', commit, id)
redis.call('SET', format, switch.format)
for i = first_gone, last_gone do redis.call('UNLINK', KEYS[i]) end
for i = FIRST_MOVE, first_gone - 1, 2 do redis.call('RENAME', KEYS[i], KEYS[i + 1]) end
redis.call('UNLINK', KEYS[4], KEYS[5], KEYS[6], mark)
return {'done', version, new}
