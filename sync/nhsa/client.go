package nhsa

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/canon"
)

// Options of a Client. URL, Venue and Serials are needed.
type Options struct {
	URL        string       // of the centre; "{infno}" in it, or the end of it where the dialect says so, is the transaction number
	Venue      settle.Venue // Code, Name and Area go into every envelope
	Receiver   string       // recer_sys_code; default the dialect's
	Version    string       // infver; default the dialect's
	Gateway    Gateway      // default NoGateway
	Signer     Signer       // default NoSignature
	Body       *SM4Body     // nil: input and output go in clear inside TLS
	TLS        *tls.Config  // default: the system's roots, TLS 1.2 at least
	AllowPlain []string     // hosts besides loopback that may be spoken to without TLS
	Proxy      string       // http://host:port on the way to the centre; empty: none, whatever the environment says
	Timeout    time.Duration
	DialWithin time.Duration
	MaxAnswer  int64    // bytes of an answer; default 32 MiB
	Dialect    *Dialect // default DefaultDialect
	MAC, IP    string   // of this machine, for the sign-in; found out where empty
	// Transport carries the messages; nil: HTTP over TCP of our own, which alone can prove that nothing has left. Another,
	// such as a simulation's, calls GotConn of the request's trace as soon as a byte may have left: without that call a
	// message that failed counts as never sent.
	Transport http.RoundTripper

	// Serials is the persistent counter behind message ids (the store's NextMessageSerial).
	Serials func(context.Context) (uint64, error)
	Clock   func() time.Time // default time.Now
	// OnCentreTime is told the time of every live answer that carries one; it must not block.
	OnCentreTime func(time.Time)
	Registerer   prometheus.Registerer // nil: metrics are kept and not exposed
}

// Client sends messages to one centre. It is safe for concurrent use.
type Client struct {
	options Options
	ids     *MessageIDs
	http    *http.Client
	line    line
	heard   centreClock
	metrics *metrics
}

// NewClient checks the options. The error is NOT_CONFIGURED and names the one that is wrong.
func NewClient(options Options) (*Client, error) {
	options.defaults()
	if err := options.check(); err != nil {
		return nil, settle.NewError(settle.NotConfigured, err)
	}
	dial := &dialer{net: net.Dialer{Timeout: options.DialWithin}, tls: options.TLS, proxy: options.proxy()}
	transport := options.Transport
	if transport == nil {
		transport = overTCP(dial)
	}
	return &Client{
		options: options,
		ids:     NewMessageIDs(options.Venue.Code, options.Dialect.MsgID, options.Serials, options.Clock),
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		metrics: newMetrics(options.Registerer),
		line:    line{clock: options.Clock, failing: true},
	}, nil
}

// overTCP is the transport of a real line.
func overTCP(dial *dialer) *http.Transport {
	return &http.Transport{
		Proxy:               dial.plainProxy,
		DialContext:         dial.plain,
		DialTLSContext:      dial.secure,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2: it may repeat a message
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     keepAlive,
		DisableCompression:  true,
	}
}

func (o *Options) defaults() {
	if o.Gateway == nil {
		o.Gateway = NoGateway{}
	}
	if o.Signer == nil {
		o.Signer = NoSignature{}
	}
	if o.Dialect == nil {
		dialect := DefaultDialect()
		o.Dialect = &dialect
	}
	o.Receiver, o.Version = orElse(o.Receiver, o.Dialect.Receiver), orElse(o.Version, o.Dialect.Version)
	if o.TLS == nil {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.DialWithin <= 0 {
		o.DialWithin = 10 * time.Second
	}
	if o.MaxAnswer <= 0 {
		o.MaxAnswer = 32 << 20
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.MAC == "" || o.IP == "" {
		mac, ip := localAddresses()
		o.MAC, o.IP = orElse(o.MAC, mac), orElse(o.IP, ip)
	}
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func (o *Options) check() error {
	target, err := url.Parse(o.URL)
	if err != nil || target.Host == "" {
		return errors.New("upstream.url is not a URL")
	}
	switch target.Scheme {
	case "https":
	case "http":
		if !o.plainAllowed(target.Hostname()) {
			return errors.New("upstream.url must be https; plain http is for loopback and for hosts in upstream.allow_plain")
		}
	default:
		return errors.New("upstream.url must begin with https://")
	}
	if p := o.proxy(); o.Proxy != "" && (p == nil || !o.plainAllowed(p.Hostname()) && !o.plainAllowed(p.Host)) {
		return errors.New("upstream.proxy must be http://host:port, on this machine or on a host in upstream.allow_plain")
	}
	if o.Serials == nil {
		return errors.New("the counter of message ids is missing")
	}
	var found faults
	found.text("venue.code", "S12,M,d", o.Venue.Code)
	found.text("venue.name", "C200,M", o.Venue.Name)
	found.text("venue.area", "S6,M,d", o.Venue.Area)
	found.text("recer_sys_code", "C10,M", o.Receiver)
	return found.err()
}

func (o *Options) plainAllowed(host string) bool {
	if ip := net.ParseIP(host); host == "localhost" || (ip != nil && ip.IsLoopback()) {
		return true
	}
	for _, allowed := range o.AllowPlain {
		if host == allowed {
			return true
		}
	}
	return false
}

// localAddresses finds this machine's first hardware address and IPv4 address that are not loopback; a till without a
// network card signs in with the loopback ones.
func localAddresses() (mac, ip string) {
	mac, ip = "00:00:00:00:00:00", "127.0.0.1"
	cards, err := net.Interfaces()
	if err != nil {
		return mac, ip
	}
	for _, card := range cards {
		if card.Flags&net.FlagLoopback != 0 || len(card.HardwareAddr) != 6 {
			continue
		}
		addresses, err := card.Addrs()
		if err != nil {
			continue
		}
		for _, address := range addresses {
			if network, is := address.(*net.IPNet); is && network.IP.To4() != nil {
				return card.HardwareAddr.String(), network.IP.String()
			}
		}
	}
	return mac, ip
}

// Venue is the venue that the client speaks for.
func (c *Client) Venue() settle.Venue { return c.options.Venue }

// Close gives idle connections back. The client can still be used afterwards.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Message is one kind of message with its content.
type Message interface {
	// Infno is the transaction number.
	Infno() string
	// Input builds and checks the input; person reports whether it names a person number. The error is BAD_REQUEST
	// with every member that does not fit the interface.
	Input() (input any, person bool, err error)
}

// Call is a message and what goes around it.
type Call struct {
	Message     Message
	Operator    settle.Operator
	SignNo      string
	InsuredArea string // of the person, where the message names one
}

// Prepared is a message ready to be journalled and sent.
type Prepared struct {
	MsgID string
	Infno string
	Body  []byte
}

// Prepare builds a message under a new id. Nothing leaves. Errors: BAD_REQUEST when something does not fit the
// interface, else the counter's or the signer's.
func (c *Client) Prepare(ctx context.Context, call Call) (Prepared, error) {
	input, person, err := c.input(call.Message)
	if err != nil {
		return Prepared{}, err
	}
	encoded, err := encode(input)
	if err == nil && c.options.Dialect.Input == InputText {
		encoded, err = encode(string(encoded))
	}
	if err != nil {
		return Prepared{}, settle.NewError(settle.BadRequest, err)
	}
	id, err := c.ids.Next(ctx)
	if err != nil {
		return Prepared{}, err
	}
	venue := c.options.Venue
	request := Request{
		Infno: call.Message.Infno(), MsgID: id, VenueArea: venue.Area, InsuredArea: call.InsuredArea,
		Receiver: c.options.Receiver, Version: c.options.Version, OperatorKind: "1",
		Operator: call.Operator.ID, OperatorName: orElse(call.Operator.Name, call.Operator.ID), Time: Stamp(c.options.Clock()),
		Venue: venue.Code, VenueName: venue.Name, SignNo: call.SignNo, Input: encoded,
	}
	if err := request.Check(person); err != nil {
		return Prepared{}, err
	}
	if err := c.options.Signer.Sign(&request); err != nil {
		return Prepared{}, fmt.Errorf("sign: %w", err)
	}
	if c.options.Body != nil {
		if err := c.options.Body.sealInput(&request); err != nil {
			return Prepared{}, fmt.Errorf("encrypt: %w", err)
		}
	}
	body, err := request.write()
	if err != nil {
		return Prepared{}, settle.NewError(settle.BadRequest, err)
	}
	return Prepared{MsgID: id, Infno: request.Infno, Body: body}, nil
}

// dialectMessage is a message whose input differs from centre to centre.
type dialectMessage interface {
	InputIn(d *Dialect) (input any, person bool, err error)
}

func (c *Client) input(m Message) (input any, person bool, err error) {
	if differs, does := m.(dialectMessage); does {
		return differs.InputIn(c.options.Dialect)
	}
	return m.Input()
}

// target is where a message goes.
func (o *Options) target(infno string) string {
	if o.Dialect.Path == PathPerInfno && !strings.Contains(o.URL, "{infno}") {
		return strings.TrimSuffix(o.URL, "/") + "/" + infno
	}
	return strings.ReplaceAll(o.URL, "{infno}", infno)
}

// writer is a value that writes its own JSON. Through its MarshalJSON encoding/json would read through all of it once more.
type writer interface{ write() ([]byte, error) }

// encode writes JSON without the HTML escapes that some centres count into lengths and signatures.
func encode(value any) ([]byte, error) {
	if own, does := value.(writer); does {
		return own.write()
	}
	return canon.AppendWire(nil, value)
}

// Result is what the sender of a message knows afterwards.
type Result int

// The results, see the package comment.
const (
	NotSent Result = iota
	Answered
	Unknown
)

// Outcome is the result of sending one message.
type Outcome struct {
	Result Result
	Answer *Answer // Answered only
	Fault  string  // Chinese, without identities; empty where the centre did what was asked
	Err    error   // English cause for logs, without identities; nil where Answered
}

// Done reports whether the centre answered that it did what was asked.
func (o Outcome) Done() bool { return o.Result == Answered && o.Answer.Done() }

// Refused reports whether the centre answered that it did not.
func (o Outcome) Refused() bool { return o.Result == Answered && o.Answer.Refused() }

// Send sends a prepared message once and never again. It returns within the configured timeout or when ctx ends.
func (c *Client) Send(ctx context.Context, message Prepared) Outcome {
	return c.sendFor(ctx, message, c.decode)
}

// sendFor sends a message whose answer is read by decode.
func (c *Client) sendFor(ctx context.Context, message Prepared, decode func([]byte) (*Answer, error)) Outcome {
	within, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	c.line.begin()
	begun := time.Now()
	outcome := c.exchange(within, message, decode)
	c.line.end()
	c.metrics.count(message.Infno, outcome, time.Since(begun))
	if outcome.Result == Answered && !outcome.Answer.CentreTime.IsZero() {
		c.heard.hear(outcome.Answer.CentreTime)
		if c.options.OnCentreTime != nil {
			c.options.OnCentreTime(outcome.Answer.CentreTime)
		}
	}
	// Whoever hears that the line is back already goes by the centre's time. Giving up ourselves says nothing about the line.
	if outcome.Result == Answered || !errors.Is(ctx.Err(), context.Canceled) {
		if c.line.contact(outcome.Result == Answered) {
			c.metrics.success(c.options.Clock())
		}
	}
	return outcome
}

// Ask prepares and sends a message that books nothing, so that no journal is needed. The error is Prepare's.
func (c *Client) Ask(ctx context.Context, call Call) (Outcome, error) {
	message, err := c.Prepare(ctx, call)
	if err != nil {
		return Outcome{}, err
	}
	return c.Send(ctx, message), nil
}

func (c *Client) exchange(ctx context.Context, message Prepared, decode func([]byte) (*Answer, error)) Outcome {
	seen := &witness{}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, seen.trace()), http.MethodPost, c.options.target(message.Infno), bytes.NewReader(message.Body))
	if err == nil {
		err = c.options.Gateway.Authorize(request, c.options.Clock())
	}
	if err != nil {
		return Outcome{Result: NotSent, Fault: "上传请求无法生成，请检查上游配置", Err: withoutURL(err)}
	}
	request.GetBody = nil // without it the transport cannot repeat the message by itself
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response, err := c.http.Do(request)
	if err != nil {
		if seen.nothingLeft() {
			return Outcome{Result: NotSent, Fault: "连不上医保中心，报文没有发出", Err: withoutURL(err)}
		}
		return Outcome{Result: Unknown, Fault: unknownFault(err), Err: withoutURL(err)}
	}
	defer response.Body.Close() //nolint:errcheck // reading ended before
	body, err := io.ReadAll(io.LimitReader(response.Body, c.options.MaxAnswer+1))
	switch {
	case err != nil:
		return Outcome{Result: Unknown, Fault: unknownFault(err), Err: withoutURL(err)}
	case int64(len(body)) > c.options.MaxAnswer:
		return Outcome{Result: Unknown, Fault: "医保中心的应答过长，结果未明", Err: errors.New("the answer is longer than allowed")}
	case response.StatusCode != http.StatusOK:
		return Outcome{Result: Unknown, Fault: fmt.Sprintf("医保中心的网关答复 HTTP %d，结果未明", response.StatusCode),
			Err: fmt.Errorf("HTTP status %d", response.StatusCode)}
	}
	answer, err := decode(body)
	if err != nil {
		return Outcome{Result: Unknown, Fault: "医保中心的应答读不懂，结果未明", Err: err}
	}
	outcome := Outcome{Result: Answered, Answer: answer}
	if !answer.Done() {
		outcome.Fault = orElse(Redact(answer.Text), fmt.Sprintf("医保中心答复状态码 %d，没有说明原因", answer.Code))
	}
	return outcome
}

// decode reads an envelope and opens its output.
func (c *Client) decode(body []byte) (*Answer, error) {
	answer, err := DecodeAnswer(body)
	if err == nil && c.options.Body != nil && answer.EncType == EncSM4 {
		answer.Output, err = c.options.Body.OpenText(answer.Output)
	}
	return answer, err
}

// withoutURL drops the wrapping that repeats the URL, which may carry what a site has put into it.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func unknownFault(err error) string {
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout()) {
		return "医保中心超时没有应答，结果未明"
	}
	return "应答前连接中断，结果未明"
}
