package localapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gongji/daemon/localapi"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// everyPath is the route table with a method that fits, a mounted page, unknown paths and tricks with paths.
func everyPath() [][2]string {
	paths := [][2]string{
		{"GET", "/console/page.html"}, {"GET", "/nothing"}, {"POST", "/nothing"}, {"DELETE", "/v1/reader"}, {"GET", "/"},
		{"GET", "/console/../v1/reader"}, {"GET", "//v1/reader"}, {"GET", "/v1/./reader"},
	}
	for _, r := range localapi.Routes() {
		paths = append(paths, [2]string{r[0], strings.NewReplacer("{id}", "x", "{sale_id}", "x", "{refund_id}", "x", "{reversal_id}", "x").Replace(r[1])})
	}
	return paths
}

// TestGuardStandsBeforeEveryPath is rows 2, 3, 4, 5, 9 and 23 of the localhost checklist: wrong names and foreign pages are
// refused on every path, also on those that need no token, that are mounted, or that do not exist; no answer invites a page.
func TestGuardStandsBeforeEveryPath(t *testing.T) {
	r := newRig(t, nil)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.server.URL(), "http://"))
	hostile := map[string]func(*http.Request){}
	for _, host := range []string{
		"evil.example", "evil.example:" + port, "127.0.0.1", "127.0.0.1:1", "localhost", "localhost.evil.example:" + port, "127.0.0.1:" + port + ".evil.example",
		"0.0.0.0:" + port, "[::]:" + port, "192.168.1.5:" + port, "pos.local:" + port, "LOCALHOST.:" + port, "127.0.0.2:" + port,
	} {
		hostile["host "+host] = func(q *http.Request) { q.Host = host }
	}
	for _, origin := range []string{
		"null", "http://evil.example", "http://pos.example.com", "https://pos.example.com:8443", "https://pos.example.com.evil.example",
		"https://evil.example/?https://pos.example.com", "http://localhost", "http://127.0.0.1:1", "https://127.0.0.1:" + port, "file://",
	} {
		hostile["origin "+origin] = func(q *http.Request) { q.Header.Set("Origin", origin) }
	}
	for _, referer := range []string{"http://evil.example/a", "null", "about:blank", "https://pos.example.com@evil.example/", "https://pos.example.com.evil.example/x"} {
		hostile["referer "+referer] = func(q *http.Request) { q.Header.Set("Referer", referer) }
	}
	hostile["two origins"] = func(q *http.Request) { q.Header["Origin"] = []string{"https://pos.example.com", "http://evil.example"} }
	for name, edit := range hostile {
		for _, path := range everyPath() {
			got := r.do(path[0], path[1], "", edit)
			p := got.problem(t)
			want, status := settle.BadOrigin, 403
			if strings.HasPrefix(name, "host ") {
				want, status = settle.BadHost, 421
			}
			if p.Code != want || got.StatusCode != status || got.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Fatalf("%s on %v: %d %s, CORS %q", name, path, got.StatusCode, p.Code, got.Header.Get("Access-Control-Allow-Origin"))
			}
		}
	}
}

// TestOptionsOfTheServer: OPTIONS * is of no path, and net/http would answer it without asking anybody.
func TestOptionsOfTheServer(t *testing.T) {
	r := newRig(t, nil)
	address := strings.TrimPrefix(r.server.URL(), "http://")
	for host, want := range map[string]int{"evil.example": http.StatusMisdirectedRequest, address: http.StatusUnauthorized} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := fmt.Fprintf(conn, "OPTIONS * HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host); err != nil {
			t.Fatal(err)
		}
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.StatusCode != want || got.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("host %s: %d %v", host, got.StatusCode, got.Header)
		}
		_ = got.Body.Close()
	}
}

// TestQuietConnectionsMakeRoom: somebody holds as many connections as there may be, and more, without a word, with half a request,
// open after an answer that needs no token, as the connections of a page's browser are, or without reading the answers. A till that
// comes is answered at once.
func TestQuietConnectionsMakeRoom(t *testing.T) {
	r := newRig(t, nil)
	address := strings.TrimPrefix(r.server.URL(), "http://")
	ask := func(transport *http.Transport) (reused bool) {
		t.Helper()
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.server.URL()+"/v1/reader", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+r.cashier)
		began := time.Now()
		got, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, got.Body); err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		if took := time.Since(began); got.StatusCode != http.StatusOK || took > 3*time.Second { // half a header may take five
			t.Errorf("%s after %s", got.Status, took)
		}
		return reused
	}
	kept, fresh := &http.Transport{}, &http.Transport{DisableKeepAlives: true}
	defer kept.CloseIdleConnections()
	ask(kept)
	document := "GET /openapi.json HTTP/1.1\r\nHost: " + address + "\r\n\r\n"
	words := []string{strings.Repeat(document, 60), "", "GET /", "GET /livez HTTP/1.1\r\nHost: " + address + "\r\n\r\n", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"}
	for n := range 400 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := conn.Write([]byte(words[n%len(words)])); err != nil {
			t.Fatal(err)
		}
	}
	if ask(fresh); !ask(kept) {
		t.Error("the till that was there before had to come anew")
	}
}

// TestEveryRouteNeedsAToken walks the route table: all but the open list refuse a request without a good token.
func TestEveryRouteNeedsAToken(t *testing.T) {
	r := newRig(t, func(o *localapi.Options) { o.Clock = leaps() })
	open := map[string]bool{"GET /livez": true, "GET /readyz": true, "GET /openapi.json": true, "GET /console/page.html": true}
	for _, path := range everyPath() {
		for name, header := range map[string]string{
			"none": "", "wrong": "Bearer gj_AAAA", "empty": "Bearer ", "basic": "Basic " + r.cashier, "bare": r.cashier, "stored hash": "Bearer " + storedHash(t, r),
		} {
			got := r.do(path[0], path[1], "", func(q *http.Request) {
				q.Header.Del("Authorization")
				if header != "" {
					q.Header.Set("Authorization", header)
				}
			})
			if open[path[0]+" "+path[1]] {
				if got.StatusCode != http.StatusOK {
					t.Errorf("%v should be open: %d", path, got.StatusCode)
				}
				continue
			}
			if p := got.problem(t); p.Code != settle.Unauthenticated || got.StatusCode != 401 || got.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%v with token %s: %d %s", path, name, got.StatusCode, p.Code)
			}
		}
	}
}

// leaps is a clock that passes an hour at each look, so that no rate is ever met.
func leaps() func() time.Time {
	clock := NewClock()
	return func() time.Time {
		clock.Add(time.Hour)
		return clock.Now()
	}
}

func storedHash(t *testing.T, r *rig) string {
	t.Helper()
	list, err := r.tokens.List()
	if err != nil || len(list) == 0 {
		t.Fatal(err)
	}
	return list[0].Hash
}

func TestUnknownPathsAndMethods(t *testing.T) {
	r := newRig(t, nil)
	if p := r.do("GET", "/v1/nothing", "", nil).problem(t); p.Code != settle.NotFound {
		t.Fatalf("got %s", p.Code)
	}
	got := r.do("DELETE", "/v1/reader", "", nil)
	if p := got.problem(t); p.Code != settle.MethodNotAllowed || got.Header.Get("Allow") != "GET, HEAD" {
		t.Fatalf("got %s, Allow %q", p.Code, got.Header.Get("Allow"))
	}
	if got := r.do("GET", "/console/../v1/reader", "", nil); got.StatusCode == 200 {
		t.Fatal("a path with dots was served")
	}
}

// TestListedOrigin: one page may call, is told so by name, and nobody else is.
func TestListedOrigin(t *testing.T) {
	r := newRig(t, nil)
	listed := func(q *http.Request) { q.Header.Set("Origin", "https://pos.example.com") }
	got := r.do("GET", "/v1/reader", "", listed)
	if got.StatusCode != 200 || got.Header.Get("Access-Control-Allow-Origin") != "https://pos.example.com" || got.Header.Get("Vary") != "Origin" {
		t.Fatalf("%d %v", got.StatusCode, got.Header)
	}
	preflight := func(origin string) answer {
		return r.do("OPTIONS", "/v1/settlements", "", func(q *http.Request) {
			q.Header.Del("Authorization")
			q.Header.Set("Access-Control-Request-Method", "POST")
			if origin != "" {
				q.Header.Set("Origin", origin)
			}
		})
	}
	if got := preflight("https://pos.example.com"); got.StatusCode != 204 || !strings.Contains(got.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Fatalf("preflight %d %v", got.StatusCode, got.Header)
	}
	for _, origin := range []string{"", r.server.URL(), "http://evil.example"} {
		if got := preflight(origin); got.StatusCode != 403 || got.Header.Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("preflight of %q: %d", origin, got.StatusCode)
		}
	}
	own := r.do("GET", "/v1/reader", "", func(q *http.Request) {
		q.Header.Set("Origin", r.server.URL())
		q.Header.Set("Referer", r.server.URL()+"/console/page.html")
	})
	if own.StatusCode != 200 || own.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Fatalf("own page: %d %v", own.StatusCode, own.Header)
	}
}

// TestForgedForm is row 8: what a page can send without a preflight changes nothing, even with a token.
func TestForgedForm(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	body := encode(t, sale("S1", "1.00"))
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		got := r.do("POST", "/v1/settlements", body, func(q *http.Request) { q.Header.Set("Content-Type", contentType) })
		if p := got.problem(t); p.Code != settle.UnsupportedMedia {
			t.Errorf("%q: %s", contentType, p.Code)
		}
	}
	for _, path := range []string{"/v1/settlements", "/v1/settlements/x/reversal"} {
		if got := r.do("GET", path+"?sale_id=S1", "", nil); got.StatusCode != 405 {
			t.Errorf("GET %s: %d", path, got.StatusCode)
		}
	}
	_, err := r.till.Sale(context.Background(), "S1")
	wantCode(t, err, settle.NotFound)
}

func TestSecurityHeaders(t *testing.T) {
	r := newRig(t, nil)
	for _, path := range everyPath() {
		got := r.do(path[0], path[1], "", nil)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%v: %s = %q", path, name, got.Header.Get(name))
			}
		}
		policy := got.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%v: policy %q", path, policy)
		}
		if scripts := strings.Contains(policy, "script-src 'self'"); scripts != strings.HasPrefix(path[1], "/console/page") {
			t.Errorf("%v: policy %q", path, policy)
		}
	}
}

func TestRateLimits(t *testing.T) {
	clock := NewClock()
	r := newRig(t, func(o *localapi.Options) { o.Clock, o.RatePerSecond = clock.Now, 3 })
	codes := map[int]int{}
	for range 10 {
		codes[r.do("GET", "/v1/reader", "", nil).StatusCode]++
	}
	if codes[200] != 6 || codes[429] != 4 {
		t.Fatalf("one token: %v", codes)
	}
	if got := r.do("GET", "/v1/reader", "", as(r.manager)); got.StatusCode != 200 {
		t.Fatalf("another token was held up: %d", got.StatusCode)
	}
	codes = map[int]int{}
	for range 30 {
		codes[r.do("GET", "/v1/reader", "", as("gj_guess")).StatusCode]++
	}
	if codes[401] != 20 || codes[429] != 10 {
		t.Fatalf("guesses: %v", codes)
	}
	clock.Add(time.Second)
	got := r.do("GET", "/v1/reader", "", nil)
	if got.StatusCode != 200 {
		t.Fatalf("a good token is held up by guesses: %d", got.StatusCode)
	}
}

func TestRevokedTokenEndsAtOnce(t *testing.T) {
	r := newRig(t, nil)
	command, err := localapi.OpenTokens(r.dir) // another process's view of the file
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := command.Add("till-9", localapi.Cashier)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.do("GET", "/v1/reader", "", as(fresh)); got.StatusCode != 200 {
		t.Fatalf("a new token does not work at once: %d", got.StatusCode)
	}
	if err := command.Revoke("till-9"); err != nil {
		t.Fatal(err)
	}
	if p := r.do("GET", "/v1/reader", "", as(fresh)).problem(t); p.Code != settle.Unauthenticated {
		t.Fatalf("a revoked token works: %s", p.Code)
	}
}

// TestRefusalsAreCountedAndLogged, and neither count nor log holds a token.
func TestRefusalsAreCountedAndLogged(t *testing.T) {
	r := newRig(t, nil)
	r.do("GET", "/v1/reader", "", func(q *http.Request) { q.Host = "evil.example" })
	r.do("GET", "/v1/reader", "", func(q *http.Request) { q.Header.Set("Origin", "null") })
	r.do("GET", "/v1/reader", "", as("gj_guess"))
	r.do("POST", "/v1/quotes", "{}", nil)
	r.do("GET", "/v1/sales/none", "", nil) // an answer, not a refusal
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "gongji_api_rejected_requests_total" {
			for _, m := range f.GetMetric() {
				got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	want := map[string]float64{
		"BAD_HOST": 1, "BAD_ORIGIN": 1, "UNAUTHENTICATED": 1, "BAD_REQUEST": 1, "FORBIDDEN": 0, "RATE_LIMITED": 0, "NOT_FOUND": 0, "METHOD": 0,
		"UNSUPPORTED_MEDIA": 0, "TOO_LARGE": 0,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
	logs := r.logs.String()
	for _, reason := range []string{"BAD_HOST", "BAD_ORIGIN", "UNAUTHENTICATED"} {
		if !strings.Contains(logs, "reason="+reason) {
			t.Errorf("no log of %s", reason)
		}
	}
	for _, secret := range []string{"gj_guess", r.cashier, r.manager} {
		if strings.Contains(logs, secret) {
			t.Error("a token was logged")
		}
	}
}

func TestListenIsLoopbackOnly(t *testing.T) {
	r := newRig(t, nil)
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.168.1.5:0", "pos.example.com:0", "127.0.0.1"} {
		if err := r.second(address, "").Listen(); err == nil {
			t.Errorf("listens on %q", address)
		}
	}
	taken := strings.TrimPrefix(r.server.URL(), "http://")
	if err := r.second(taken, "").Listen(); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("a taken port: %v", err)
	}
}

// TestUnixSocket: the socket takes the same requests under a plain name, still with a token.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	r := newRig(t, func(o *localapi.Options) { o.Unix = path })
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := func(host, token string) int {
		fmt.Fprintf(conn, "GET /v1/reader HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", host, token)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if _, err := response.Body.Read(make([]byte, 4096)); err != nil && err.Error() != "EOF" {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	if got := ask("localhost", r.cashier); got != 200 {
		t.Errorf("good: %d", got)
	}
	if got := ask("localhost", "gj_guess"); got != 401 {
		t.Errorf("no token: %d", got)
	}
	if got := ask("evil.example", r.cashier); got != 421 {
		t.Errorf("another name: %d", got)
	}
	if err := r.second("127.0.0.1:0", path).Listen(); err == nil {
		t.Error("a socket in use was taken")
	}
}
