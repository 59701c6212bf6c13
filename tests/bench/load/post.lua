-- The same JSON body over and over.
dofile(debug.getinfo(1, "S").source:sub(2):match("(.*/)") .. "report.lua")
wrk.method = "POST"
wrk.body = '{"order_id":"0c9e0d3e-7a0c-4b0e-9a53-6a6b1f0b6e10","lines":[{"sku":"tea-assam","quantity":2}]}'
wrk.headers["Content-Type"] = "application/json"
