// Package client talks to the daemon's local API from Go: the tests, the demo, the load generator and a till written in Go
// use it. Answers are the API's own types, refusals are *Problem.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gongji/daemon/localapi"
	"gongji/daemon/session"
	"gongji/settle"
)

// Client is one till's access. Methods may be called from any goroutine.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New is a client of the API at base (http://127.0.0.1:7311) with a till's token.
func New(base, token string) *Client {
	return Over(&http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second}, base, token)
}

// Over is New over a transport of the caller's own: one that dials the daemon's Unix socket, or that writes down what passes.
func Over(transport http.RoundTripper, base, token string) *Client {
	return &Client{base: strings.TrimSuffix(base, "/"), token: token, http: &http.Client{Transport: transport}}
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Problem is a refusal.
type Problem struct {
	Status    int                 `json:"status"`
	Code      settle.Code         `json:"code"`
	Reason    settle.Reason       `json:"reason"`
	Message   string              `json:"message"`
	Hint      string              `json:"hint"`
	Detail    string              `json:"detail"`
	Retryable bool                `json:"retryable"`
	RequestID string              `json:"request_id"`
	Fields    []settle.FieldFault `json:"fields"`

	Members map[string]json.RawMessage `json:"-"` // every member of the document
}

// Error is code, reason and the English sentence.
func (p *Problem) Error() string {
	text := string(p.Code)
	if p.Reason != "" {
		text += " (" + string(p.Reason) + ")"
	}
	for _, f := range p.Fields {
		text += "; " + f.Field + ": " + f.Detail
	}
	return text + ": " + p.Detail
}

// CodeOf is the code of a refusal, or empty for any other error.
func CodeOf(err error) settle.Code {
	var p *Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// Quote asks what a sale would do.
func (c *Client) Quote(ctx context.Context, sale session.SaleRequest) (localapi.QuoteAnswer, error) {
	answer, _, err := call[localapi.QuoteAnswer](ctx, c, http.MethodPost, "/v1/quotes", sale)
	return answer, err
}

// Settle settles a sale; replayed is true where it had been settled before.
func (c *Client) Settle(ctx context.Context, sale session.SettleRequest) (answer localapi.SettlementAnswer, replayed bool, err error) {
	return call[localapi.SettlementAnswer](ctx, c, http.MethodPost, "/v1/settlements", sale)
}

// Settlement is a settlement by its id.
func (c *Client) Settlement(ctx context.Context, id string) (localapi.SettlementAnswer, error) {
	answer, _, err := call[localapi.SettlementAnswer](ctx, c, http.MethodGet, "/v1/settlements/"+url.PathEscape(id), nil)
	return answer, err
}

// Sale is a settlement by the till's sale id.
func (c *Client) Sale(ctx context.Context, saleID string) (localapi.SettlementAnswer, error) {
	answer, _, err := call[localapi.SettlementAnswer](ctx, c, http.MethodGet, "/v1/sales/"+url.PathEscape(saleID), nil)
	return answer, err
}

// Explanation is every account that was tried.
func (c *Client) Explanation(ctx context.Context, id string) (localapi.ExplanationAnswer, error) {
	answer, _, err := call[localapi.ExplanationAnswer](ctx, c, http.MethodGet, "/v1/settlements/"+url.PathEscape(id)+"/explanation", nil)
	return answer, err
}

// Receipt is the slip's contents.
func (c *Client) Receipt(ctx context.Context, id string) (localapi.ReceiptAnswer, error) {
	answer, _, err := call[localapi.ReceiptAnswer](ctx, c, http.MethodGet, "/v1/settlements/"+url.PathEscape(id)+"/receipt", nil)
	return answer, err
}

// Reverse cancels a whole settlement.
func (c *Client) Reverse(ctx context.Context, settlement string, r session.ReverseRequest) (answer localapi.ReturnAnswer, replayed bool, err error) {
	return call[localapi.ReturnAnswer](ctx, c, http.MethodPost, "/v1/settlements/"+url.PathEscape(settlement)+"/reversal", r)
}

// Refund takes lines back.
func (c *Client) Refund(ctx context.Context, settlement string, r session.RefundRequest) (answer localapi.ReturnAnswer, replayed bool, err error) {
	return call[localapi.ReturnAnswer](ctx, c, http.MethodPost, "/v1/settlements/"+url.PathEscape(settlement)+"/refunds", r)
}

// Accounts are the accounts behind the card in the terminal's reader.
func (c *Client) Accounts(ctx context.Context, terminal string) (localapi.AccountsAnswer, error) {
	answer, _, err := call[localapi.AccountsAnswer](ctx, c, http.MethodGet, "/v1/people/me/accounts?terminal="+url.QueryEscape(terminal), nil)
	return answer, err
}

// QuoteExplained is Quote with every account that was tried.
func (c *Client) QuoteExplained(ctx context.Context, sale session.SaleRequest) (localapi.QuoteAnswer, error) {
	answer, _, err := call[localapi.QuoteAnswer](ctx, c, http.MethodPost, "/v1/quotes?explain=true", sale)
	return answer, err
}

// Bindings are the bindings of the holder of the card in the terminal's reader.
func (c *Client) Bindings(ctx context.Context, terminal string) (localapi.BindingsAnswer, error) {
	answer, _, err := call[localapi.BindingsAnswer](ctx, c, http.MethodGet, "/v1/people/me/bindings?terminal="+url.QueryEscape(terminal), nil)
	return answer, err
}

// Bind asks for a binding; replayed is true where it had been asked for before.
func (c *Client) Bind(ctx context.Context, r session.BindRequest) (answer localapi.RequestAnswer, replayed bool, err error) {
	return call[localapi.RequestAnswer](ctx, c, http.MethodPost, "/v1/bindings", r)
}

// ChangeBinding asks for a new rank or limit.
func (c *Client) ChangeBinding(ctx context.Context, binding string, r session.ChangeBindingRequest) (answer localapi.RequestAnswer, replayed bool, err error) {
	return call[localapi.RequestAnswer](ctx, c, http.MethodPatch, "/v1/bindings/"+url.PathEscape(binding), r)
}

// EndBinding asks for the end of a binding.
func (c *Client) EndBinding(ctx context.Context, binding string, r session.EndBindingRequest) (answer localapi.RequestAnswer, replayed bool, err error) {
	return call[localapi.RequestAnswer](ctx, c, http.MethodDelete, "/v1/bindings/"+url.PathEscape(binding), r)
}

// Request is a request for a binding by the till's id.
func (c *Client) Request(ctx context.Context, id string) (localapi.RequestAnswer, error) {
	answer, _, err := call[localapi.RequestAnswer](ctx, c, http.MethodGet, "/v1/requests/"+url.PathEscape(id), nil)
	return answer, err
}

// PayPremium pays a relative's contribution.
func (c *Client) PayPremium(ctx context.Context, r session.PremiumRequest) (answer localapi.PremiumAnswer, replayed bool, err error) {
	return call[localapi.PremiumAnswer](ctx, c, http.MethodPost, "/v1/premiums", r)
}

// CancelPremium takes a contribution back.
func (c *Client) CancelPremium(ctx context.Context, premium string, r session.CancelPremiumRequest) (answer localapi.CancellationAnswer, replayed bool, err error) {
	return call[localapi.CancellationAnswer](ctx, c, http.MethodPost, "/v1/premiums/"+url.PathEscape(premium)+"/cancellation", r)
}

// Premium is a contribution by the till's id.
func (c *Client) Premium(ctx context.Context, id string) (localapi.PremiumAnswer, error) {
	answer, _, err := call[localapi.PremiumAnswer](ctx, c, http.MethodGet, "/v1/premiums/"+url.PathEscape(id), nil)
	return answer, err
}

// Attention is everything that waits for a decision; a manager's token is needed.
func (c *Client) Attention(ctx context.Context) (localapi.AttentionsAnswer, error) {
	answer, _, err := call[localapi.AttentionsAnswer](ctx, c, http.MethodGet, "/v1/attention", nil)
	return answer, err
}

// CloseAttention takes an item off the work list; a manager's token is needed.
func (c *Client) CloseAttention(ctx context.Context, id int64, r session.CloseAttentionRequest) (localapi.ClosedAnswer, error) {
	answer, _, err := call[localapi.ClosedAnswer](ctx, c, http.MethodPost, fmt.Sprintf("/v1/attention/%d", id), r)
	return answer, err
}

// Reader is every reader and the card in it.
func (c *Client) Reader(ctx context.Context) (localapi.ReadersAnswer, error) {
	answer, _, err := call[localapi.ReadersAnswer](ctx, c, http.MethodGet, "/v1/reader", nil)
	return answer, err
}

// call sends one request and reads the answer into its type.
func call[T any](ctx context.Context, c *Client, method, path string, body any) (answer T, replayed bool, err error) {
	response, err := c.send(ctx, method, path, body)
	if err != nil {
		return answer, false, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return answer, false, fmt.Errorf("%s %s: answer broke off: %w", method, path, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return answer, false, problemOf(response.StatusCode, data)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, false, fmt.Errorf("%s %s: answer is not what this client knows: %w", method, path, err)
	}
	return answer, response.Header.Get("Idempotent-Replay") == "true", nil
}

func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return c.http.Do(request)
}

func problemOf(status int, data []byte) error {
	p := &Problem{}
	if err := json.Unmarshal(data, p); err != nil || p.Code == "" {
		return fmt.Errorf("the daemon answered %d without a problem document", status)
	}
	// It parsed once, so it does again.
	_ = json.Unmarshal(data, &p.Members)
	return p
}

// Event is one server-sent event; Data is its JSON.
type Event struct {
	Name string
	Data json.RawMessage
}

// Events delivers the daemon's events, the state first, until ctx ends or the stream does; the channel is closed then.
func (c *Client) Events(ctx context.Context) (<-chan Event, error) {
	response, err := c.send(ctx, http.MethodGet, "/v1/events", nil) //nolint:bodyclose // closed when the stream ends
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		data, err := io.ReadAll(response.Body)
		if err != nil {
			return nil, err
		}
		return nil, problemOf(response.StatusCode, data)
	}
	events := make(chan Event)
	go func() {
		defer close(events)
		defer response.Body.Close()
		deliver(ctx, response.Body, events)
	}()
	return events, nil
}

func deliver(ctx context.Context, stream io.Reader, events chan<- Event) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	var event Event
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			event.Name = value
		case "data":
			event.Data = json.RawMessage(value)
		case "":
			if event.Name != "" {
				select {
				case events <- event:
				case <-ctx.Done():
					return
				}
			}
			event = Event{}
		}
	}
}
