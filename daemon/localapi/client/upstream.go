package client

import (
	"context"
	"net/http"
	"net/url"

	"gongji/daemon/localapi"
)

// Upstream is the line to the centre: a state for everybody, the figures behind it for a manager.
func (c *Client) Upstream(ctx context.Context) (localapi.UpstreamAnswer, error) {
	answer, _, err := call[localapi.UpstreamAnswer](ctx, c, http.MethodGet, "/v1/upstream", nil)
	return answer, err
}

// ReturnAllowances gives back to the centre what it guarantees this venue for offline sales; a manager's token is needed.
func (c *Client) ReturnAllowances(ctx context.Context) error {
	_, _, err := call[localapi.AllowancesAnswer](ctx, c, http.MethodPost, "/v1/allowances/return", struct{}{})
	return err
}

// Audit is who did, tried or looked at what, from a day (yyyy-mm-dd) or from the next of an answer; a manager's token is needed.
func (c *Client) Audit(ctx context.Context, from string) (localapi.AuditAnswer, error) {
	answer, _, err := call[localapi.AuditAnswer](ctx, c, http.MethodGet, withQuery("/v1/audit", url.Values{"from": {from}}), nil)
	return answer, err
}

// HistoryQuery chooses whose earlier personal data are shown: the holder of the card in the terminal's reader, or, for a manager,
// the person with an identity number.
type HistoryQuery struct {
	Terminal string
	Person   string
}

// History is what the centre said of a person before.
func (c *Client) History(ctx context.Context, q HistoryQuery) (localapi.HistoryAnswer, error) {
	query := url.Values{}
	set(query, "terminal", q.Terminal)
	set(query, "person", q.Person)
	answer, _, err := call[localapi.HistoryAnswer](ctx, c, http.MethodGet, withQuery("/v1/people/me/history", query), nil)
	return answer, err
}
