"""
Values and the algebra on them: files, companies, the ledger, features, records, results.

No input or output, no settings: everything here can be tested with plain values. The catalogue of
features is here. Imports nothing of the service but `errors` and `chunks`.
"""
