-- Create clients. Arguments: access token.
function init(args)
  wrk.method = "POST"
  wrk.body = '{"name": "bench", "locked": false, "scopes": {"products": ["SuperSIM"]}}'
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. args[1]
end
