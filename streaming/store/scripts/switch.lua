-- A rebuilt namespace takes the place of the live one, at once.
--
-- KEYS: version, commit, the shadow's version and commit, the mark of the rebuild, then (the shadow's key,
--       the live one it becomes) a key, then the live keys that go.
-- ARGV: live version and commit that the rebuild was computed against, the shadow's version and commit, the
--       id of the new commit, how many keys the shadow has.
local version, commit, mark = KEYS[1], KEYS[2], KEYS[5]
local id, pairs_end = ARGV[5], 5 + 2 * tonumber(ARGV[6])
local prefix = string.sub(version, 1, -1 - #'ingest:version')
local files, ledger = prefix .. 'ingest:files', prefix .. 'ledger:'

local function refuse(kind, key, why)
    return {kind, key, why}
end

local function forbidden(...)
    return redis.acl_check_cmd and not redis.acl_check_cmd(...)
end

-- Check. The reply to the same script may have been lost: then it is done.
local current = redis.call('GET', version) or '0'
if redis.call('GET', commit) == id then return {'done', version, current} end
if current ~= ARGV[1] or (redis.call('GET', commit) or '') ~= ARGV[2] then
    return refuse('conflict', version, current)
end
local shadow = redis.call('GET', KEYS[3]) or '0'
if shadow ~= ARGV[3] or (redis.call('GET', KEYS[4]) or '') ~= ARGV[4] then
    return refuse('conflict', KEYS[3], shadow)
end
if forbidden('SET', version, 'a') or forbidden('SET', commit, 'a') then
    return refuse('denied', version, 'SET')
end
for i = 6, pairs_end, 2 do
    local to = KEYS[i + 1]
    if forbidden('RENAME', KEYS[i], to) then return refuse('denied', to, 'RENAME') end
    local there
    if to == files then
        there = redis.pcall('HLEN', to)
    elseif string.find(to, ledger, 1, true) == 1 then
        there = redis.pcall('STRLEN', to)
    else
        there = redis.pcall('HEXISTS', to, 'capital_social_total')
        if there == 0 and redis.call('EXISTS', to) == 1 then
            return refuse('key', to, 'has no capital_social_total')
        end
    end
    if type(there) == 'table' then return refuse('key', to, 'is a ' .. redis.call('TYPE', to).ok) end
end
for i = pairs_end + 1, #KEYS do
    if forbidden('UNLINK', KEYS[i]) then return refuse('denied', KEYS[i], 'UNLINK') end
end

-- Write. SET comes first: where memory has run out, it is this write that is refused.
local new = tostring(math.max(tonumber(current), tonumber(shadow)) + 1)
redis.call('SET', version, new)
redis.call('SET', commit, id)
for i = pairs_end + 1, #KEYS do redis.call('UNLINK', KEYS[i]) end
for i = 6, pairs_end, 2 do redis.call('RENAME', KEYS[i], KEYS[i + 1]) end
redis.call('UNLINK', KEYS[3], KEYS[4], mark)
return {'done', version, new}
