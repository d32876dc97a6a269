-- One batch into Redis, all or nothing.
--
-- KEYS: version, commit, files, format, then one key a ranking, one feature key a write, one a series, one
--   ledger block a block, one lease a lease.
-- ARGV: one value in MessagePack (streaming/store/merge.py makes it):
--   expected, base     the version and the commit ('': any) that the batch was computed against
--   id, at             its own commit's id, and the instant of the commit
--   format, first      the format of what it writes, and that of a Redis without one
--   prefix             how many bytes come before the name in a key
--   rankings           of each: the group whose keys are ranked, and by which field (count or total)
--   shapes             of each kind of write: its group, and the names of its fields: total and count, and (or
--                      not) mean, at, code
--   writes             for each write in turn: the number of its shape, the added reais as text, whole reais,
--                      cents, companies
--   codes              by the number of a write, the value of its field code
--   series             of each key with many counts (and totals): for each in turn the fields of count and
--                      total (false: none), whole reais, cents, companies
--   blocks             the bytes of each block
--   leases             what the value of each lease has to be
--   records            a path and its record, in turn
--
-- Lua does not roll back, so everything is checked before the first write. Sums are exact: whole reais and
-- cents are kept apart, each a whole number below 2^53, beside what HINCRBYFLOAT makes of them in long double.
local LIMIT = 9e15 -- reais
local version, commit, files, format = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local batch = cmsgpack.unpack(ARGV[1])
local writes, shapes, series, rankings = batch.writes, batch.shapes, batch.series, batch.rankings
local WIDTH = 5 -- of a write, and of one count of a series
local AT_ONCE = 2000 -- arguments of a command; Lua unpacks less than 8000
local count_of_writes = #writes / WIDTH
-- What comes before the first key of a kind.
local RANKINGS = 4
local WRITES = RANKINGS + #rankings
local SERIES = WRITES + count_of_writes
local BLOCKS = SERIES + #series
local LEASES = BLOCKS + #batch.blocks

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

-- Check. A holder that was away for longer than its lease writes nothing, even if nobody else did meanwhile.
for i, value in ipairs(batch.leases) do
    if redis.call('GET', KEYS[LEASES + i]) ~= value then return refuse('lease', KEYS[LEASES + i], '') end
end
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

-- Who may do all of it to a key that nobody can name may do it to any: then no key is asked about.
local any = string.sub(version, 1, batch.prefix) .. batch.id
local trusted = not (forbidden('HINCRBYFLOAT', any, 'a', '1') or forbidden('HSET', any, 'a', 'b')
    or forbidden('ZADD', any, '1', 'a') or forbidden('SET', any, 'a'))

-- The count, whole reais and cents of one count and total as they will be; or nil, and why not.
local function grown(key, count_field, count, total_field, total, companies, more_reais, more_cents)
    local reais, cents = 0, 0
    if total_field and (count or total) then
        reais, cents = money(total or '')
        if not reais then return nil, refuse('key', key, total_field .. ' is not reais and cents') end
    end
    count = tonumber(count or not total and '0')
    if not count or count % 1 ~= 0 or count < 0 then
        return nil, refuse('key', key, count_field .. ' is not a whole number')
    end
    reais, cents = reais + more_reais, cents + more_cents
    if cents >= 100 then reais, cents = reais + 1, cents - 100 end
    if reais > LIMIT or reais == LIMIT and cents > 0 then
        return nil, refuse('limit', key, 'would pass 9e15 in ' .. total_field)
    end
    return count + companies, reais, cents
end

-- What the fields of each key will be: counts, totals and means, by write.
local counts, totals, means = {}, {}, {}
for i = 1, count_of_writes do
    local key, w = KEYS[WRITES + i], (i - 1) * WIDTH
    local shape = shapes[writes[w + 1]]
    if not trusted and (forbidden('HINCRBYFLOAT', key, 'a', '1') or forbidden('HSET', key, 'a', 'b')) then
        return refuse('denied', key, 'HINCRBYFLOAT, HSET')
    end
    local stored = redis.pcall('HMGET', key, shape.count, shape.total)
    if stored.err then return refuse('key', key, 'is a ' .. kind_of(key)) end
    local count, reais, cents = grown(key, shape.count, stored[1], shape.total, stored[2],
        writes[w + 5], writes[w + 3], writes[w + 4])
    if not count then return reais end
    counts[i] = count
    totals[i] = string.format('%.0f.%02d', reais, cents)
    if shape.mean then means[i] = mean(reais, cents, count) end
end

-- Fields of a key, however many; nil: it is no hash.
local function read(key, fields)
    local values = {}
    for first = 1, #fields, AT_ONCE do
        local last = math.min(first + AT_ONCE - 1, #fields)
        local stored = redis.pcall('HMGET', key, unpack(fields, first, last))
        if stored.err then return nil end
        if last == #fields and first == 1 then return stored end
        for _, value in ipairs(stored) do values[#values + 1] = value end
    end
    return values
end

-- Field and value in turn, by series.
local changes = {}
for i = 1, #series do
    local key, own, fields, changed = KEYS[SERIES + i], series[i], {}, {}
    if not trusted and forbidden('HSET', key, 'a', 'b') then return refuse('denied', key, 'HSET') end
    for j = 1, #own, WIDTH do
        fields[#fields + 1] = own[j]
        if own[j + 1] then fields[#fields + 1] = own[j + 1] end
    end
    local stored = read(key, fields)
    if not stored then return refuse('key', key, 'is a ' .. kind_of(key)) end
    local position = 1
    for j = 1, #own, WIDTH do
        local total_field = own[j + 1]
        local count, reais, cents = grown(key, own[j], stored[position], total_field,
            total_field and stored[position + 1], own[j + 4], own[j + 2], own[j + 3])
        if not count then return reais end
        position = position + (total_field and 2 or 1)
        changed[#changed + 1] = own[j]
        changed[#changed + 1] = count
        if total_field then
            changed[#changed + 1] = total_field
            changed[#changed + 1] = string.format('%.0f.%02d', reais, cents)
        end
    end
    changes[i] = changed
end
for i = 1, #rankings do
    local key = KEYS[RANKINGS + i]
    if not trusted and forbidden('ZADD', key, '1', 'a') then return refuse('denied', key, 'ZADD') end
    kind = kind_of(key)
    if kind ~= 'none' and kind ~= 'zset' then return refuse('key', key, 'is a ' .. kind) end
end
for i = 1, #batch.blocks do
    local key = KEYS[BLOCKS + i]
    if not trusted and forbidden('SET', key, 'a') then return refuse('denied', key, 'SET') end
    kind = kind_of(key)
    if kind ~= 'none' and kind ~= 'string' then return refuse('key', key, 'is a ' .. kind) end
end

-- Write. The version comes first: where memory has run out, it is this write that is refused.
local new = redis.call('INCR', version)
redis.call('SET', commit, batch.id)
redis.call('SET', format, batch.format)
for i = 1, count_of_writes do
    local key, w = KEYS[WRITES + i], (i - 1) * WIDTH
    local shape = shapes[writes[w + 1]]
    if shape.mean and shape.at then
        redis.call('HINCRBYFLOAT', key, shape.total, writes[w + 2])
        redis.call('HSET', key, shape.total, totals[i], shape.count, counts[i], shape.mean, means[i],
            shape.at, batch.at)
    else
        redis.call('HSET', key, shape.total, totals[i], shape.count, counts[i])
        if shape.mean then redis.call('HSET', key, shape.mean, means[i]) end
        if shape.at then redis.call('HSET', key, shape.at, batch.at) end
    end
    local code = batch.codes[i]
    if code and counts[i] == writes[w + 5] then redis.call('HSET', key, shape.code, code) end -- a new key
end
for i, changed in ipairs(changes) do
    for first = 1, #changed, AT_ONCE do
        redis.call('HSET', KEYS[SERIES + i], unpack(changed, first, math.min(first + AT_ONCE - 1, #changed)))
    end
end
for r, ranking in ipairs(rankings) do
    local scores = ranking.by == 'total' and totals or counts
    local added = {}
    for i = 1, count_of_writes do
        if shapes[writes[(i - 1) * WIDTH + 1]].group == ranking.group then
            added[#added + 1] = scores[i]
            added[#added + 1] = string.sub(KEYS[WRITES + i], batch.prefix + 1)
        end
        if #added == AT_ONCE or i == count_of_writes and #added > 0 then
            redis.call('ZADD', KEYS[RANKINGS + r], unpack(added))
            added = {}
        end
    end
end
for i, block in ipairs(batch.blocks) do
    redis.call('SET', KEYS[BLOCKS + i], block)
end
for i = 1, #batch.records, 2 do
    redis.call('HSET', files, batch.records[i], batch.records[i + 1])
end
return {'done', version, tostring(new)}
