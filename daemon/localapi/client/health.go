package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"gongji/daemon/localapi"
)

// Readiness tells whether the daemon can settle. Offline is ready with a warning.
type Readiness struct {
	Ready    bool               `json:"ready"`
	Warnings []localapi.Warning `json:"warnings"`
}

// Ready asks whether the daemon can settle, and why not. A daemon that cannot is an answer, not an error.
func (c *Client) Ready(ctx context.Context) (Readiness, error) {
	response, err := c.send(ctx, http.MethodGet, "/readyz?verbose=true", nil)
	if err != nil {
		return Readiness{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, problemMost))
	if err != nil {
		return Readiness{}, err
	}
	var answer Readiness
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusServiceUnavailable {
		return answer, problemOf(response.StatusCode, data)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, fmt.Errorf("GET /readyz: answer is not what this client knows: %w", err)
	}
	return answer, nil
}

// Alive asks whether the daemon answers at all.
func (c *Client) Alive(ctx context.Context) error {
	_, _, err := call[struct{}](ctx, c, http.MethodGet, "/livez", nil)
	return err
}

// OpenAPI is the daemon's own description of its API, OpenAPI 3.1 in JSON.
func (c *Client) OpenAPI(ctx context.Context) (json.RawMessage, error) {
	answer, _, err := call[json.RawMessage](ctx, c, http.MethodGet, "/openapi.json", nil)
	return answer, err
}
