package client

import (
	"context"
	"net/http"

	"gongji/daemon/localapi"
)

// Import previews a signed file, or applies it; a manager's token is needed. replayed is true where this file had been
// applied before.
func (c *Client) Import(ctx context.Context, r localapi.ImportRequest) (answer localapi.ImportAnswer, replayed bool, err error) {
	return call[localapi.ImportAnswer](ctx, c, http.MethodPost, "/v1/bindings/import", r)
}
