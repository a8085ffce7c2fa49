package localapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"gongji/settle"
)

// call is one request on its way through the server.
type call struct {
	id    string
	token Token       // zero on an open path
	route string      // pattern, for the log
	code  settle.Code // of the problem answered, for the log
	ask   func() Guidance
	peer  peer // of a Unix socket
}

type callKey struct{}

// callOf is the request's call; outside of a request an empty one.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// manager reports whether the request carries a manager's token.
func (c *call) manager() bool { return c.token.Role == Manager }

// newRequestID names a request in answers and logs. It is our own in every case: a caller's text could hold anything.
func newRequestID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails: the runtime aborts instead
	return hex.EncodeToString(id[:])
}
