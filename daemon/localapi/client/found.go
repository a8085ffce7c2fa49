package client

import (
	"context"
	"net/http"
	"net/url"

	"gongji/daemon/localapi"
)

// FindRefund is what became of a refund, by the till's refund id: the question to ask after a lost reply.
func (c *Client) FindRefund(ctx context.Context, refund string) (localapi.ReturnAnswer, error) {
	answer, _, err := call[localapi.ReturnAnswer](ctx, c, http.MethodGet, "/v1/refunds/"+url.PathEscape(refund), nil)
	return answer, err
}

// FindReversal is what became of a reversal, by the till's reversal id.
func (c *Client) FindReversal(ctx context.Context, reversal string) (localapi.ReturnAnswer, error) {
	answer, _, err := call[localapi.ReturnAnswer](ctx, c, http.MethodGet, "/v1/reversals/"+url.PathEscape(reversal), nil)
	return answer, err
}

// Guidance is what the region says to people at the counter; topic empty is all of it.
func (c *Client) Guidance(ctx context.Context, topic string) (localapi.GuidanceAnswer, error) {
	query := url.Values{}
	set(query, "topic", topic)
	answer, _, err := call[localapi.GuidanceAnswer](ctx, c, http.MethodGet, withQuery("/v1/guidance", query), nil)
	return answer, err
}
