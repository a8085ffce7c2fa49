package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"gongji/daemon/localapi"
)

// Reconciliations lists days from and to (yyyy-mm-dd), both included; a manager's token is needed, as for all that follows.
func (c *Client) Reconciliations(ctx context.Context, from, to, state string) (localapi.ReconciliationsAnswer, error) {
	query := url.Values{"from": {from}, "to": {to}}
	if state != "" {
		query.Set("state", state)
	}
	answer, _, err := call[localapi.ReconciliationsAnswer](ctx, c, http.MethodGet, "/v1/reconciliations?"+query.Encode(), nil)
	return answer, err
}

// Reconcile holds a day against the centre's book, now.
func (c *Client) Reconcile(ctx context.Context, day string) (localapi.ReconciliationAnswer, error) {
	answer, _, err := call[localapi.ReconciliationAnswer](ctx, c, http.MethodPost, "/v1/reconciliations", localapi.ReconcileRequest{Day: day})
	return answer, err
}

// CloseMonth closes a month (yyyy-mm).
func (c *Client) CloseMonth(ctx context.Context, r localapi.CloseMonthRequest) (localapi.ClosedMonthAnswer, error) {
	answer, _, err := call[localapi.ClosedMonthAnswer](ctx, c, http.MethodPost, "/v1/reconciliations/close", r)
	return answer, err
}

// bundleMost is the most bytes of a bundle that are read.
const bundleMost = 256 << 20

// Bundle is the finance desk's zip of a month (yyyy-mm), and the name of the file.
func (c *Client) Bundle(ctx context.Context, month string) (data []byte, name string, err error) {
	path := "/v1/reconciliations/" + url.PathEscape(month) + "/bundle"
	response, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	if data, err = io.ReadAll(io.LimitReader(response.Body, bundleMost+1)); err != nil {
		return nil, "", fmt.Errorf("GET %s: answer broke off: %w", path, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil, "", problemOf(response.StatusCode, data)
	}
	if len(data) > bundleMost {
		return nil, "", errors.New("the bundle is longer than this client takes")
	}
	if _, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Disposition")); err == nil {
		name = parameters["filename"]
	}
	return data, name, nil
}
