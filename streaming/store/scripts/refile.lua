-- Records of files to other paths, all at once.
--
-- KEYS: files.
-- ARGV: one list in MessagePack: (path, its new one) a record; one without a record is left out.
local files = KEYS[1]
local paths = cmsgpack.unpack(ARGV[1])

if redis.acl_check_cmd and not (redis.acl_check_cmd('HSET', files, 'a', 'b')
    and redis.acl_check_cmd('HDEL', files, 'a')) then
    return {'denied', files, 'HSET, HDEL'}
end
local kind = redis.call('TYPE', files).ok
if kind ~= 'none' and kind ~= 'hash' then return {'key', files, 'is a ' .. kind} end

local moved = 0
for i = 1, #paths, 2 do
    local record = redis.call('HGET', files, paths[i])
    if record then
        redis.call('HSET', files, paths[i + 1], record)
        redis.call('HDEL', files, paths[i])
        moved = moved + 1
    end
end
return {'done', files, tostring(moved)}
