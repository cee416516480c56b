-- Requests of many clients in turn. Arguments: "token" or "get", a file with "id secret" a line, an access token for "get".
local ids, bodies, next_one, kind = {}, {}, 0, "token"
function init(args)
  kind = args[1]
  for line in io.lines(args[2]) do
    local id, secret = line:match("(%S+) (%S+)")
    ids[#ids + 1] = id
    bodies[#bodies + 1] = "grant_type=client_credentials&client_id=" .. id .. "&client_secret=" .. secret
  end
  if kind == "token" then
    wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
  else
    wrk.headers["Authorization"] = "Bearer " .. args[3]
  end
end
function request()
  next_one = next_one % #ids + 1
  if kind == "token" then return wrk.format("POST", nil, nil, bodies[next_one]) end
  return wrk.format("GET", "/v1/clients/" .. ids[next_one])
end
