-- A lease for a holder, unless another one has it.
--
-- KEYS: the lease, then the leases that nobody else may hold meanwhile.
-- ARGV: one list in MessagePack: the holder's value, milliseconds, the value of a holder that has ended.
-- The detail of the reply is the value of the holder in the way, if there is one.
local value, milliseconds, ended = unpack(cmsgpack.unpack(ARGV[1]))

for _, key in ipairs(KEYS) do
    local held = redis.call('GET', key)
    if held and held ~= value and held ~= ended then return {'done', key, held} end
end
-- One that is held already is not written, which would wait for the disk: its holder renews it.
if redis.call('GET', KEYS[1]) ~= value then redis.call('SET', KEYS[1], value, 'PX', milliseconds) end
return {'done', KEYS[1], ''}
