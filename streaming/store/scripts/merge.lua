-- One batch into Redis, all or nothing.
--
-- KEYS: version, commit, files, format, then one feature key a write, then one ledger block a block.
-- ARGV: one value in MessagePack (streaming/store/merge.py makes it):
--   expected, base     the version and the commit ('': any) that the batch was computed against
--   id, at             its own commit's id, and the instant of the commit
--   format, first      the format of what it writes, and that of a Redis without one
--   shapes             the names of the fields of a kind of write: count, and (or not) total, mean, at
--   writes             for each write in turn: the number of its shape, the added reais as text, whole reais,
--                      cents, companies
--   blocks             the bytes of each block
--   records            a path and its record, in turn
--
-- Lua does not roll back, so everything is checked before the first write. Sums are exact: whole reais and
-- cents are kept apart, each a whole number below 2^53, beside what HINCRBYFLOAT makes of them in long double.
local LIMIT = 9e15 -- reais
local version, commit, files, format = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local FIRST_WRITE = 4
local batch = cmsgpack.unpack(ARGV[1])
local writes, shapes = batch.writes, batch.shapes
local WIDTH = 5 -- of a write
local count_of_writes = #writes / WIDTH

local function refuse(kind, key, why)
    return {kind, key, why}
end

local function kind_of(key)
    return redis.call('TYPE', key).ok
end

local function money(text)
    local whole, part = string.match(text, '^(%d+)%.?(%d*)$')
    if not whole or #whole > 16 or #part > 2 then return nil end
    return tonumber(whole), tonumber(string.sub(part .. '00', 1, 2))
end

-- Half up, exact: the quotient of two whole numbers is corrected by its own remainder.
local function divide(amount, n)
    local quotient = math.floor(amount / n)
    local rest = amount - quotient * n
    if rest < 0 then return quotient - 1, rest + n end
    if rest >= n then return quotient + 1, rest - n end
    return quotient, rest
end

local function mean(reais, cents, n)
    local whole, rest = divide(reais, n)
    local part, last = divide(rest * 100 + cents, n)
    if last * 2 >= n then part = part + 1 end
    if part >= 100 then whole, part = whole + 1, part - 100 end
    return string.format('%.0f.%02d', whole, part)
end

-- Check.
local kind = kind_of(version)
if kind ~= 'none' and kind ~= 'string' then return refuse('key', version, 'is a ' .. kind) end
local current = redis.call('GET', version) or '0'
if current ~= batch.expected then return refuse('conflict', version, current) end
-- A Redis that was flushed or restored may have come to the same number another way.
kind = kind_of(commit)
if kind ~= 'none' and kind ~= 'string' then return refuse('key', commit, 'is a ' .. kind) end
if batch.base ~= '' and redis.call('GET', commit) ~= batch.base then
    return refuse('conflict', commit, current)
end
kind = kind_of(files)
if kind ~= 'none' and kind ~= 'hash' then return refuse('key', files, 'is a ' .. kind) end
kind = kind_of(format)
if kind ~= 'none' and kind ~= 'string' then return refuse('key', format, 'is a ' .. kind) end
local filled = redis.call('GET', format) or (current ~= '0' and batch.first) or batch.format
if filled ~= batch.format then return refuse('format', format, filled) end

-- A user who may do only part of this would leave half of it. (Redis and Valkey 7 or newer tell.)
local function forbidden(command, key, ...)
    return redis.acl_check_cmd and not redis.acl_check_cmd(command, key, ...)
end
if forbidden('INCR', version) or forbidden('SET', commit, 'a') or forbidden('SET', format, 'a')
    or forbidden('HSET', files, 'a', 'b') then
    return refuse('denied', version, 'INCR, SET, HSET')
end

-- What the fields of each key will be: counts, totals and means, by write.
local counts, totals, means = {}, {}, {}
for i = 1, count_of_writes do
    local key, w = KEYS[FIRST_WRITE + i], (i - 1) * WIDTH
    local shape = shapes[writes[w + 1]]
    if forbidden('HINCRBYFLOAT', key, 'a', '1') or forbidden('HSET', key, 'a', 'b') then
        return refuse('denied', key, 'HINCRBYFLOAT, HSET')
    end
    local stored = shape.total and redis.pcall('HMGET', key, shape.count, shape.total)
        or redis.pcall('HMGET', key, shape.count)
    if stored.err then return refuse('key', key, 'is a ' .. kind_of(key)) end
    local count, reais, cents = 0, 0, 0
    if stored[1] or stored[2] then
        count = tonumber(stored[1] or '')
        if not count or count % 1 ~= 0 or count < 0 then
            return refuse('key', key, shape.count .. ' is not a whole number')
        end
        if shape.total then reais, cents = money(stored[2] or '') end
        if not reais then return refuse('key', key, shape.total .. ' is not reais and cents') end
    end
    reais, cents, count = reais + writes[w + 3], cents + writes[w + 4], count + writes[w + 5]
    if cents >= 100 then reais, cents = reais + 1, cents - 100 end
    if shape.total and (reais > LIMIT or reais == LIMIT and cents > 0) then
        return refuse('limit', key, 'would pass 9e15 in ' .. shape.total)
    end
    counts[i] = count
    if shape.total then totals[i] = string.format('%.0f.%02d', reais, cents) end
    if shape.mean then means[i] = mean(reais, cents, count) end
end
for i = 1, #batch.blocks do
    local key = KEYS[FIRST_WRITE + count_of_writes + i]
    if forbidden('SET', key, 'a') then return refuse('denied', key, 'SET') end
    kind = kind_of(key)
    if kind ~= 'none' and kind ~= 'string' then return refuse('key', key, 'is a ' .. kind) end
end

-- Write. The version comes first: where memory has run out, it is this write that is refused.
local new = redis.call('INCR', version)
redis.call('SET', commit, batch.id)
redis.call('SET', format, batch.format)
for i = 1, count_of_writes do
    local key, w = KEYS[FIRST_WRITE + i], (i - 1) * WIDTH
    local shape = shapes[writes[w + 1]]
    if shape.total then redis.call('HINCRBYFLOAT', key, shape.total, writes[w + 2]) end
    if shape.total and shape.mean and shape.at then -- as nearly always
        redis.call('HSET', key, shape.total, totals[i], shape.count, counts[i], shape.mean, means[i],
            shape.at, batch.at)
    else
        redis.call('HSET', key, shape.count, counts[i])
        if shape.total then redis.call('HSET', key, shape.total, totals[i]) end
        if shape.mean then redis.call('HSET', key, shape.mean, means[i]) end
        if shape.at then redis.call('HSET', key, shape.at, batch.at) end
    end
end
for i, block in ipairs(batch.blocks) do
    redis.call('SET', KEYS[FIRST_WRITE + count_of_writes + i], block)
end
for i = 1, #batch.records, 2 do
    redis.call('HSET', files, batch.records[i], batch.records[i + 1])
end
return {'done', version, tostring(new)}
