-- A lease that its holder renews, or gives back.
--
-- KEYS: the lease.
-- ARGV: one list in MessagePack: the holder's value, milliseconds (0: it is given back).
local value, milliseconds = unpack(cmsgpack.unpack(ARGV[1]))

if redis.call('GET', KEYS[1]) ~= value then return {'lease', KEYS[1], ''} end
if milliseconds > 0 then
    redis.call('SET', KEYS[1], value, 'PX', milliseconds)
else
    redis.call('UNLINK', KEYS[1])
end
return {'done', KEYS[1], ''}
