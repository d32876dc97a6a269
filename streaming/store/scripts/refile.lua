-- Records of files to other paths, all at once.
--
-- KEYS: files.
-- ARGV: one list in MessagePack, a record: its path, how it begins if it is of the version that moves, its
--       new path, how it begins there. One without a record, or with that of another version, is left out.
-- Answer: of each record 1 if it moved, else 0.
local files = KEYS[1]
local moves = cmsgpack.unpack(ARGV[1])
local WIDTH = 4 -- of a move

if redis.acl_check_cmd and not (redis.acl_check_cmd('HSET', files, 'a', 'b')
    and redis.acl_check_cmd('HDEL', files, 'a')) then
    return {'denied', files, 'HSET, HDEL'}
end
local kind = redis.call('TYPE', files).ok
if kind ~= 'none' and kind ~= 'hash' then return {'key', files, 'is a ' .. kind} end

local moved = {}
for i = 1, #moves, WIDTH do
    local path, start, home, new_start = moves[i], moves[i + 1], moves[i + 2], moves[i + 3]
    local record = redis.call('HGET', files, path)
    if record and string.sub(record, 1, #start) == start then
        redis.call('HSET', files, home, new_start .. string.sub(record, #start + 1))
        redis.call('HDEL', files, path)
        moved[#moved + 1] = '1'
    else
        moved[#moved + 1] = '0'
    end
end
return {'done', files, table.concat(moved)}
