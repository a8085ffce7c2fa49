package localapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
)

// guard stands before every path. Nothing is registered beside it: the server's handler is the guard, and the routes are
// behind it.
type guard struct {
	s       *Server
	hosts   []string // exact values of Host
	origins []string // exact origins: our own, then allow_origins
	own     int      // how many of origins are our own
	reject  *prometheus.CounterVec
	failed  *bucket // refused tokens
	logs    *bucket // logged refusals

	bodyTimeout time.Duration

	mu     sync.Mutex
	byName map[string]*bucket // requests of a token
}

// rejections are all values of the label reason; they exist from the start.
var rejections = []settle.Code{
	settle.BadHost, settle.BadOrigin, settle.Unauthenticated, settle.Forbidden, settle.RateLimited, settle.NotFound,
	settle.MethodNotAllowed, settle.UnsupportedMedia, settle.TooLarge, settle.BadRequest,
}

func newGuard(s *Server) *guard {
	g := &guard{s: s, bodyTimeout: bodyTimeout, failed: newBucket(failedRate, failedBurst), logs: newBucket(logRate, logBurst), byName: map[string]*bucket{}}
	g.reject = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gongji_api_rejected_requests_total",
		Help: "Requests to the local API that were refused before or by their form, by code.",
	}, []string{"reason"})
	for _, reason := range rejections {
		g.reject.WithLabelValues(string(reason))
	}
	s.o.Registerer.MustRegister(g.reject)
	return g
}

// setPort fixes the names under which the daemon may be addressed: these and no others. 0.0.0.0 is not among them.
func (g *guard) setPort(port int) {
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
		name := fmt.Sprintf("%s:%d", host, port)
		g.hosts = append(g.hosts, name)
		g.origins = append(g.origins, "http://"+name)
	}
	g.own = len(g.origins)
	g.origins = append(g.origins, g.s.o.AllowOrigins...)
}

// ServeHTTP lets a request through, or refuses it.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := connOf(r.Context())
	if conn != nil {
		if !conn.begin() {
			panic(http.ErrAbortHandler) // its place is another's; nothing is done that nobody can be told of
		}
		defer conn.end()
	}
	c := &call{id: newRequestID(), ask: g.s.guidance, peer: peerOf(r.Context())}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	began := g.s.o.Clock()
	answer := &recorder{ResponseWriter: w}
	defer g.finish(answer, r, c, began)
	g.headers(answer.Header(), c.id)
	if err := g.checkAddress(answer, r); err != nil {
		g.refuse(answer, r, err)
		return
	}
	if !g.s.admits(c.peer) {
		g.refuse(answer, r, settle.NewError(settle.Forbidden, errPeer))
		return
	}
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		g.preflight(answer, r)
		return
	}
	handler, pattern := g.s.mux.Handler(r)
	c.route = pattern
	if !g.s.isOpen(pattern, r.Method) {
		if err := g.authenticate(r, c); err != nil {
			answer.Header().Set("WWW-Authenticate", `Bearer realm="gongji"`)
			g.refuse(answer, r, err)
			return
		}
		if conn != nil && !conn.trust() {
			return // as above
		}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && g.s.audits(c) {
		answer.held = &bytes.Buffer{}
	}
	if pattern == "" {
		g.refuse(answer, r, unrouted(handler, r, answer.Header()))
		return
	}
	body, err := g.readBody(answer, r)
	if err == nil && body != nil {
		if g.s.answerDirectly(answer, r, pattern, body) {
			return
		}
		err = putBody(r, body)
	}
	if err != nil {
		g.refuse(answer, r, err)
		return
	}
	if g.s.isMounted(pattern) {
		answer.Header().Set("Content-Security-Policy", pagePolicy)
	}
	g.s.mux.ServeHTTP(answer, r)
}

// The content policies: an API answer may load nothing at all; the console loads its own files and talks to its own daemon.
const (
	apiPolicy  = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
		"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

// common are the headers of every answer, by their canonical names. Answers share the lists: whoever sets a header of one
// gives it another list.
var common = http.Header{
	"Content-Security-Policy":      {apiPolicy},
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
	"Referrer-Policy":              {"no-referrer"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cache-Control":                {"no-store"},
}

func (g *guard) headers(h http.Header, id string) {
	maps.Copy(h, common)
	h["X-Request-Id"] = []string{id}
}

// checkAddress refuses a request that came under another name (DNS rebinding) or from a page that is not listed. Origins
// are compared whole, never by a part.
func (g *guard) checkAddress(w http.ResponseWriter, r *http.Request) error {
	if !slices.Contains(g.hosts, r.Host) && !(overUnix(r.Context()) && slices.Contains(unixHosts, r.Host)) {
		return settle.NewError(settle.BadHost, nil)
	}
	w.Header()["Vary"] = varies
	for _, value := range r.Header.Values("Origin") {
		if !slices.Contains(g.origins, value) {
			return settle.NewError(settle.BadOrigin, nil)
		}
	}
	for _, value := range r.Header.Values("Referer") {
		if !slices.Contains(g.origins, originOf(value)) {
			return settle.NewError(settle.BadOrigin, nil)
		}
	}
	if origin := r.Header.Get("Origin"); origin != "" && slices.Contains(g.origins[g.own:], origin) {
		w.Header().Set("Access-Control-Allow-Origin", origin) // one of the configured list, compared above
		w.Header().Set("Access-Control-Expose-Headers", "Idempotent-Replay, X-Request-Id")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	return nil
}

// varies says that the answer depends on who asks; shared like common.
var varies = []string{"Origin"}

// originOf is the origin of a Referer, or a text that is no origin.
func originOf(referer string) string {
	u, err := url.Parse(referer)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil {
		return "null"
	}
	return u.Scheme + "://" + u.Host
}

// preflight answers a browser's question for a listed page. It needs no token, since browsers send none with it.
func (g *guard) preflight(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(g.origins[g.own:], r.Header.Get("Origin")) {
		g.refuse(w, r, settle.NewError(settle.BadOrigin, nil))
		return
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// authenticate finds the token of a request. A flood of refused tokens is slowed down without holding up the good ones.
func (g *guard) authenticate(r *http.Request, c *call) error {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token, known := Token{}, false
	if strings.EqualFold(scheme, "Bearer") {
		token, known = g.s.o.Tokens.Lookup(strings.TrimSpace(secret))
	}
	now := g.s.o.Clock()
	if !known {
		if !g.failed.take(now) {
			return settle.NewError(settle.RateLimited, nil)
		}
		return settle.NewError(settle.Unauthenticated, nil)
	}
	c.token = token
	if !g.bucketOf(token.Name).take(now) {
		return settle.NewError(settle.RateLimited, nil)
	}
	return confined(c)
}

func (g *guard) bucketOf(name string) *bucket {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.byName[name]
	if b == nil {
		b = newBucket(g.s.o.RatePerSecond, 2*g.s.o.RatePerSecond)
		g.byName[name] = b
	}
	return b
}

// unrouted tells an unknown path from a known one with another method, by what the mux itself would answer.
func unrouted(handler http.Handler, r *http.Request, header http.Header) error {
	answer := probe{header: http.Header{}}
	handler.ServeHTTP(&answer, r)
	if answer.status == http.StatusMethodNotAllowed {
		header.Set("Allow", answer.header.Get("Allow"))
		return settle.NewError(settle.MethodNotAllowed, nil)
	}
	return settle.NewError(settle.NotFound, nil)
}

// probe takes an answer that nobody reads.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header            { return p.header }
func (p *probe) Write(data []byte) (int, error) { return len(data), nil }
func (p *probe) WriteHeader(status int)         { p.status = status }

// refuse answers, counts and logs. Neither token nor path is logged.
func (g *guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := newProblem(r.Context(), err)
	var whole malformedError
	if errors.As(err, &whole) {
		p.Status, p.Title = http.StatusBadRequest, http.StatusText(http.StatusBadRequest)
	}
	if p.Code == settle.RateLimited {
		w.Header().Set("Retry-After", "1")
	}
	if g.logs.take(g.s.o.Clock()) {
		g.s.o.Logger.Warn("request refused", "request_id", p.RequestID, "reason", p.Code, "method", r.Method, "pos", callOf(r.Context()).token.Name)
	}
	writeProblem(w, p)
}

// finish counts refusals wherever they were made, logs changes, and turns a panic into an answer.
func (g *guard) finish(w *recorder, r *http.Request, c *call, began time.Time) {
	if panicked := recover(); panicked != nil {
		// The value is not logged: it may quote what it choked on.
		g.s.o.Logger.Error("request panicked", "request_id", c.id, "route", c.route, "type", fmt.Sprintf("%T", panicked), "stack", string(debug.Stack()))
		if w.status == 0 {
			writeProblem(w, newProblem(r.Context(), settle.NewError(settle.StoreBroken, nil)))
		}
	}
	// A record that is not there is an answer; a path that is not there is a refusal.
	if slices.Contains(rejections, c.code) && (c.code != settle.NotFound || c.route == "") {
		g.reject.WithLabelValues(string(c.code)).Inc()
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead || c.token.Name == "" {
		return
	}
	if err := g.s.audit(r, c, w.status); err != nil && w.held != nil {
		w.held.Reset()
		w.status = 0
		writeProblem(w, newProblem(r.Context(), err))
	}
	w.release()
	g.s.o.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("request_id", c.id), slog.String("method", r.Method), slog.String("route", c.route),
		slog.String("pos", c.token.Name), slog.String("peer", c.peer.String()), slog.Int("status", w.status), slog.String("code", string(c.code)),
		slog.Duration("took", g.s.o.Clock().Sub(began)))
}

// recorder remembers the status of an answer, and keeps one back whose change must be in the audit record first.
type recorder struct {
	http.ResponseWriter
	status int
	held   *bytes.Buffer // nil: it is passed on
}

// release passes on what was held back.
func (w *recorder) release() {
	if w.held == nil {
		return
	}
	held := w.held
	w.held = nil
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
		_, _ = w.ResponseWriter.Write(held.Bytes()) // a client that is gone has its answer in the audit record
	}
}

// WriteHeader notes the status and passes it on.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	if w.held == nil {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write counts as 200 where no status was given.
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.held != nil {
		return w.held.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
