// Package localapi is the HTTP interface on loopback that a till talks to: JSON, bearer tokens, RFC 9457 problems,
// server-sent events, and an OpenAPI 3.1 document generated from the Go types.
//
// Every request, whatever its path and whoever mounted it, passes one guard before anything else: the Host must be this
// daemon's own loopback address (a name that was re-bound to 127.0.0.1 is not), the Origin or Referer must be absent, the
// daemon's own, or listed, and all but a short list of paths need a token.
//
// # Decisions
//
// A token is 256 random bits, shown once and stored as a hash; the file is read again whenever it changes, so a revoked
// token ends at once. Request bodies are JSON with a declared content type, at most 256 KiB, at most 16 levels deep, no
// member twice, no member unknown; every bad field is named in one answer. Error answers, logs and metrics hold no
// identity: paths are logged as patterns, since an id in a path is the till's own text.
//
// A cashier's token sees no relative's balance and no full number; nothing here could show a full number, since the session
// behind it has already masked, hashed or sealed them.
package localapi
