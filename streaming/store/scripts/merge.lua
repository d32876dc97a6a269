-- One batch into Redis, all or nothing.
--
-- KEYS: version, commit, files, then one feature hash an increment, then one ledger block a block.
-- ARGV: the version and the commit (empty: any) that the batch was computed against, its own commit's
--       id, the instant of the commit, how many increments,
--       blocks and records; then (reais, cents of it, companies) an increment, the bytes of each block,
--       (path, record) a record.
--
-- Lua does not roll back, so everything is checked before the first write. Sums are exact: they are
-- kept as cents, whole numbers below 2^53, beside what HINCRBYFLOAT makes of them in long double.
local LIMIT = 9e15 -- cents: 90 trillion reais
local version, commit, files = KEYS[1], KEYS[2], KEYS[3]
local expected, after, id, at = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local increments, blocks, records = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local function refuse(kind, key, why)
    return {kind, key, why}
end

local function cents(total)
    local whole, part = string.match(total, '^(%d+)%.?(%d*)$')
    if not whole or #whole > 14 or #part > 2 then return nil end
    return tonumber(whole) * 100 + tonumber(string.sub(part .. '00', 1, 2))
end

local function reais(amount)
    local whole = math.floor(amount / 100)
    return string.format('%.0f.%02d', whole, amount - whole * 100)
end

-- Half up, exact: the quotient of two whole numbers is corrected by its own remainder.
local function mean(amount, n)
    local quotient = math.floor(amount / n)
    local rest = amount - quotient * n
    if rest < 0 then
        quotient, rest = quotient - 1, rest + n
    elseif rest >= n then
        quotient, rest = quotient + 1, rest - n
    end
    if rest * 2 >= n then quotient = quotient + 1 end
    return reais(quotient)
end

local function kind_of(key)
    return redis.call('TYPE', key).ok
end

-- Check.
local kind = kind_of(version)
if kind ~= 'none' and kind ~= 'string' then return refuse('key', version, 'is a ' .. kind) end
local current = redis.call('GET', version) or '0'
if current ~= expected then return refuse('conflict', version, current) end
-- A Redis that was flushed or restored may have come to the same number another way.
kind = kind_of(commit)
if kind ~= 'none' and kind ~= 'string' then return refuse('key', commit, 'is a ' .. kind) end
if after ~= '' and redis.call('GET', commit) ~= after then return refuse('conflict', commit, current) end
kind = kind_of(files)
if kind ~= 'none' and kind ~= 'hash' then return refuse('key', files, 'is a ' .. kind) end

-- A user who may do only part of this would leave half of it. (Redis and Valkey 7 or newer tell.)
local function forbidden(command, key, ...)
    return redis.acl_check_cmd and not redis.acl_check_cmd(command, key, ...)
end
if forbidden('INCR', version) or forbidden('SET', commit, 'a') or forbidden('HSET', files, 'a', 'b') then
    return refuse('denied', version, 'INCR, SET, HSET')
end

local totals, counts = {}, {}
local argument = 8
for i = 1, increments do
    local key = KEYS[3 + i]
    if forbidden('HINCRBYFLOAT', key, 'a', '1') or forbidden('HSET', key, 'a', 'b') then
        return refuse('denied', key, 'HINCRBYFLOAT, HSET')
    end
    local stored = redis.pcall('HMGET', key, 'capital_social_total', 'quantidade_empresas')
    if stored.err then return refuse('key', key, 'is a ' .. kind_of(key)) end
    local total, count = 0, 0
    if stored[1] or stored[2] then
        total, count = cents(stored[1] or ''), tonumber(stored[2] or '')
        if not total then return refuse('key', key, 'capital_social_total is not reais and cents') end
        if not count or count % 1 ~= 0 or count < 0 then
            return refuse('key', key, 'quantidade_empresas is not a whole number')
        end
    end
    totals[i] = total + tonumber(ARGV[argument + 1])
    counts[i] = count + tonumber(ARGV[argument + 2])
    if totals[i] > LIMIT then return refuse('limit', key, 'would pass 9e13 in capital_social_total') end
    argument = argument + 3
end
for i = 1, blocks do
    local key = KEYS[3 + increments + i]
    if forbidden('SET', key, 'a') then return refuse('denied', key, 'SET') end
    kind = kind_of(key)
    if kind ~= 'none' and kind ~= 'string' then return refuse('key', key, 'is a ' .. kind) end
end

-- Write. The version comes first: where memory has run out, it is this write that is refused.
local new = redis.call('INCR', version)
redis.call('SET', commit, id)
argument = 8
for i = 1, increments do
    local key, total = KEYS[3 + i], reais(totals[i])
    redis.call('HINCRBYFLOAT', key, 'capital_social_total', ARGV[argument])
    redis.call('HSET', key, 'capital_social_total', total, 'quantidade_empresas', counts[i],
        'capital_social_medio', mean(totals[i], counts[i]), 'atualizado_em', at)
    argument = argument + 3
end
for i = 1, blocks do
    redis.call('SET', KEYS[3 + increments + i], ARGV[argument])
    argument = argument + 1
end
for _ = 1, records do
    redis.call('HSET', files, ARGV[argument], ARGV[argument + 1])
    argument = argument + 2
end
return {'done', version, tostring(new)}
