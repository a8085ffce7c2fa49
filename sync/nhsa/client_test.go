package nhsa

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"gongji/settle"
)

const doneBody = `{"infcode":0,"respond_time":"20261122100000180","err_msg":"","output":{}}`

func okAnswer(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// misbehave is a real TCP server: it reads whole requests and lets play answer the n-th of all, counted from 1. The
// connection ends when play returns false.
func misbehave(t *testing.T, play func(conn *net.TCPConn, n int) bool) (url string, requests *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests = &atomic.Int64{}
	done := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				reader := bufio.NewReader(conn)
				for {
					request, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					if _, err := io.Copy(io.Discard, request.Body); err != nil {
						return
					}
					if !play(conn.(*net.TCPConn), int(requests.Add(1))) {
						return
					}
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String() + "/", requests
}

func send(t *testing.T, ctx context.Context, client *Client) Outcome {
	t.Helper()
	message, err := client.Prepare(ctx, Call{Message: DeltaQuery{Limit: 1}, Operator: testOperator})
	if err != nil {
		t.Fatal(err)
	}
	return client.Send(ctx, message)
}

func write(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

// TestMisbehaving: once the message may have left, everything but a whole envelope is Unknown.
func TestMisbehaving(t *testing.T) {
	for name, play := range map[string]func(conn *net.TCPConn, n int) bool{
		"closed before the answer": func(*net.TCPConn, int) bool { return false },
		"reset after the headers": func(conn *net.TCPConn, _ int) bool {
			write(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
			conn.SetLinger(0)
			return false
		},
		"half a body":             func(conn *net.TCPConn, _ int) bool { a := okAnswer(doneBody); write(conn, a[:len(a)-20]); return false },
		"half JSON, whole length": func(conn *net.TCPConn, _ int) bool { write(conn, okAnswer(doneBody[:30])); return true },
		"HTML with 200":           func(conn *net.TCPConn, _ int) bool { write(conn, okAnswer("<html>login</html>")); return true },
		"HTML with 502": func(conn *net.TCPConn, _ int) bool {
			write(conn, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>")
			return true
		},
		"an envelope with 500": func(conn *net.TCPConn, _ int) bool {
			write(conn, strings.Replace(okAnswer(`{"infcode":-1,"err_msg":"no"}`), "200 OK", "500 Oops", 1))
			return true
		},
		"a redirect": func(conn *net.TCPConn, _ int) bool {
			write(conn, "HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
			return true
		},
		"no HTTP at all": func(conn *net.TCPConn, _ int) bool { write(conn, "SSH-2.0-OpenSSH\r\n"); return false },
		"too long": func(conn *net.TCPConn, _ int) bool {
			write(conn, okAnswer(doneBody+strings.Repeat(" ", 5000)))
			return true
		},
		"empty body": func(conn *net.TCPConn, _ int) bool { write(conn, okAnswer("")); return true },
	} {
		t.Run(name, func(t *testing.T) {
			url, requests := misbehave(t, play)
			client := testClient(t, url, func(o *Options) { o.MaxAnswer = 4096 })
			outcome := send(t, t.Context(), client)
			if outcome.Result != Unknown || outcome.Fault == "" || outcome.Err == nil {
				t.Errorf("got %+v", outcome)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("the message was sent %d times", n)
			}
			if !client.Offline() {
				t.Error("the line counts as good")
			}
		})
	}
}

// TestHang: a centre that takes the message and says nothing is Unknown when the time is up.
func TestHang(t *testing.T) {
	release := make(chan struct{})
	url, _ := misbehave(t, func(*net.TCPConn, int) bool { <-release; return false })
	t.Cleanup(func() { close(release) })
	client := testClient(t, url, func(o *Options) { o.Timeout = 50 * time.Millisecond })
	if outcome := send(t, t.Context(), client); outcome.Result != Unknown || !strings.Contains(outcome.Fault, "超时") {
		t.Errorf("got %+v", outcome)
	}
}

// TestReusedConnection: a connection that was good for one message and is closed under the next makes the second
// Unknown, and the transport does not send it again by itself.
func TestReusedConnection(t *testing.T) {
	url, requests := misbehave(t, func(conn *net.TCPConn, n int) bool {
		if n == 1 {
			write(conn, okAnswer(doneBody))
			return true
		}
		return false
	})
	client := testClient(t, url, nil)
	if outcome := send(t, t.Context(), client); !outcome.Done() {
		t.Fatalf("first: %+v", outcome)
	}
	reused := false
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
	outcome := send(t, ctx, client)
	if !reused {
		t.Fatal("the connection was not reused, so this test proves nothing")
	}
	if outcome.Result != Unknown || requests.Load() != 2 {
		t.Errorf("got %+v after %d requests", outcome, requests.Load())
	}
}

// TestNotSent: what never left is known not to have left.
func TestNotSent(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if outcome := send(t, t.Context(), testClient(t, "http://"+closed.Addr().String()+"/", nil)); outcome.Result != NotSent {
		t.Errorf("refused connection: %+v", outcome)
	}

	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the message arrived") }))
	defer secure.Close()
	secure.Config.ErrorLog = nil
	if outcome := send(t, t.Context(), testClient(t, secure.URL, nil)); outcome.Result != NotSent {
		t.Errorf("untrusted certificate: %+v", outcome)
	}

	url, requests := misbehave(t, func(conn *net.TCPConn, _ int) bool { write(conn, okAnswer(doneBody)); return true })
	client := testClient(t, url, nil)
	message, err := client.Prepare(t.Context(), Call{Message: DeltaQuery{Limit: 1}, Operator: testOperator})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if outcome := client.Send(ended, message); outcome.Result != NotSent || requests.Load() != 0 {
		t.Errorf("ended context: %+v", outcome)
	}
	if streak, known := client.Failures(); streak != 0 || known {
		t.Error("giving up by ourselves counts against the line")
	}
}

// TestLineIsOfflineUntilItAnswers: what was never reached is not there, and what keeps us waiting is not either, so that
// no sale slips past the limits that hold offline.
func TestLineIsOfflineUntilItAnswers(t *testing.T) {
	now := testNow
	l := line{clock: func() time.Time { return now }, failing: true}
	if !l.silent() {
		t.Error("online before the first contact")
	}
	l.begin()
	l.contact(true)
	l.end()
	if l.silent() {
		t.Error("offline after an answer")
	}
	l.begin()
	now = now.Add(silentAfter)
	if l.silent() {
		t.Error("silent at once")
	}
	now = now.Add(time.Second)
	if !l.silent() {
		t.Error("online while the centre keeps us waiting")
	}
	l.begin() // another message is answered meanwhile
	l.contact(true)
	l.end()
	if l.silent() {
		t.Error("offline while others are answered")
	}
	l.contact(false)
	if !l.silent() {
		t.Error("online after a failure")
	}
}

// TestSealedBeforeWrite: a message that is given up after it got its connection and before the first write is NotSent,
// and stays so: the write that comes too late is refused.
func TestSealedBeforeWrite(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	conn := &trackedConn{Conn: here}
	seen := &witness{}
	seen.trace().GotConn(httptrace.GotConnInfo{Conn: conn})
	if !seen.nothingLeft() {
		t.Fatal("nothing was written")
	}
	if _, err := conn.Write([]byte("late")); !errors.Is(err, errSealed) {
		t.Fatalf("a late write went through: %v", err)
	}

	second := &trackedConn{Conn: here}
	seen = &witness{}
	seen.trace().GotConn(httptrace.GotConnInfo{Conn: second})
	_, _ = second.Write([]byte("x")) // the pipe is closed: the write fails, and might have left all the same
	if seen.nothingLeft() {
		t.Fatal("a write had begun")
	}
	seen = &witness{}
	seen.trace().GotConn(httptrace.GotConnInfo{Conn: here})
	if seen.nothingLeft() {
		t.Fatal("nothing can be proved about a foreign connection")
	}
}

// TestTLS: over TLS the message arrives, the connection is ours, and HTTP/2 is not spoken although the server offers it.
func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("spoken: %s", r.Proto)
		}
		_, _ = io.WriteString(w, doneBody)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	trust := server.Client().Transport.(*http.Transport).TLSClientConfig
	client := testClient(t, server.URL, func(o *Options) { o.TLS = &tls.Config{RootCAs: trust.RootCAs, MinVersion: tls.VersionTLS12} })
	if outcome := send(t, t.Context(), client); !outcome.Done() {
		t.Errorf("got %+v", outcome)
	}
}

// TestGateway: the x-tif headers are the four of the interface page, and the message is posted to the transaction's URL.
func TestGateway(t *testing.T) {
	var got http.Header
	var path string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, path = r.Header, r.URL.Path
		_, _ = io.WriteString(w, doneBody)
	}))
	defer server.Close()
	client := testClient(t, server.URL+"/call/{infno}", func(o *Options) {
		o.Gateway = XTif{Account: "acc", Secret: "s3cret", Nonce: func() string { return "n0nce" }}
	})
	if outcome := send(t, t.Context(), client); !outcome.Done() {
		t.Fatalf("got %+v", outcome)
	}
	stamp := fmt.Sprint(testNow.Unix())
	sum := sha256.Sum256([]byte(stamp + "s3cret" + "n0nce" + stamp))
	for name, want := range map[string]string{
		"x-tif-paasid": "acc", "x-tif-timestamp": stamp, "x-tif-nonce": "n0nce", "x-tif-signature": hex.EncodeToString(sum[:]),
		"Content-Type": "application/json; charset=utf-8",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
	if path != "/call/G102" {
		t.Errorf("path %s", path)
	}
	without := testClient(t, server.URL, func(o *Options) { o.Gateway = XTif{} })
	if outcome := send(t, t.Context(), without); outcome.Result != NotSent {
		t.Errorf("no secret: %+v", outcome)
	}
}

// TestConfiguration: plain HTTP is for loopback and for named hosts.
func TestConfiguration(t *testing.T) {
	for url, ok := range map[string]bool{
		"http://127.0.0.1:1/": true, "http://localhost/x": true, "http://[::1]:2/": true, "https://centre.example/": true,
		"http://centre.example/": false, "http://10.1.2.3/": true, "http://10.1.2.4/": false, "ftp://127.0.0.1/": false, "": false, "127.0.0.1": false,
	} {
		_, err := NewClient(Options{URL: url, Venue: testVenue, Serials: serials(), AllowPlain: []string{"10.1.2.3"}})
		if (err == nil) != ok || err != nil && settle.CodeOf(err) != settle.NotConfigured {
			t.Errorf("%q: %v", url, err)
		}
	}
	bad := testVenue
	bad.Code = "P43"
	if _, err := NewClient(Options{URL: "http://127.0.0.1/", Venue: bad, Serials: serials()}); err == nil {
		t.Error("a venue code of three characters was taken")
	}
}

func TestMessageIDs(t *testing.T) {
	now := testNow
	ids := NewMessageIDs(testVenue.Code, MsgIDNational, serials(), func() time.Time { return now })
	seen := map[string]bool{}
	for i := range 25000 {
		if i == 12000 {
			now = now.Add(-time.Hour) // somebody sets the clock back
		}
		id, err := ids.Next(t.Context())
		if err != nil || len(id) != 30 || seen[id] {
			t.Fatalf("id %d: %q, %v", i, id, err)
		}
		seen[id] = true
	}
	if first := "P43010000001202611221000000001"; !seen[first] {
		t.Errorf("%s is missing", first)
	}
	broken := NewMessageIDs(testVenue.Code, MsgIDNational, func(context.Context) (uint64, error) { return 0, errors.New("disk") }, time.Now)
	if _, err := broken.Next(t.Context()); err == nil {
		t.Error("an id without a serial")
	}
}

func TestRedact(t *testing.T) {
	got := Redact("人员王芳(11010519491231002X)卡X00000019余额不足,错误码10012", "王芳", "X00000019")
	if want := "人员***(***)卡***余额不足,错误码10012"; got != want {
		t.Errorf("%s", got)
	}
	if n := len([]rune(Redact(strings.Repeat("长", 999)))); n != maxFault {
		t.Errorf("%d characters", n)
	}
}

// TestMetrics: every series is there from the start, and results are counted by what is certain.
func TestMetrics(t *testing.T) {
	url, _ := misbehave(t, func(conn *net.TCPConn, n int) bool {
		switch n {
		case 1:
			write(conn, okAnswer(doneBody))
		case 2:
			write(conn, okAnswer(`{"infcode":-1,"err_msg":"[INFNO] 未知交易"}`))
		default:
			return false
		}
		return true
	})
	registry := prometheus.NewRegistry()
	changes := []bool{}
	client := testClient(t, url, func(o *Options) { o.Registerer = registry })
	client.Watch(func(offline bool) { changes = append(changes, offline) })
	if n := testutil.CollectAndCount(client.metrics.requests); n != 4*len(Infnos) {
		t.Errorf("%d series at the start", n)
	}
	send(t, t.Context(), client)
	if outcome := send(t, t.Context(), client); !client.TransactionUnknown(outcome) || client.SignInRefused(outcome) {
		t.Errorf("%+v", outcome)
	}
	send(t, t.Context(), client)
	for result, want := range map[string]float64{"accepted": 1, "refused": 1, "unknown": 1, "unsent": 0} {
		if got := testutil.ToFloat64(client.metrics.requests.WithLabelValues(InfnoDelta, result)); got != want {
			t.Errorf("%s: %v", result, got)
		}
	}
	if n := testutil.CollectAndCount(client.metrics.took); n != len(Infnos) {
		t.Errorf("%d histograms", n)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	timed := map[string]uint64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if h := m.GetHistogram(); h.GetSampleCount() > 0 {
				timed[m.GetLabel()[0].GetValue()] = h.GetSampleCount()
			}
		}
	}
	if !reflect.DeepEqual(timed, map[string]uint64{InfnoDelta: 3}) {
		t.Errorf("timed %v", timed)
	}
	if got := testutil.ToFloat64(client.metrics.last); got != float64(testNow.UnixMilli())/1000 {
		t.Errorf("last success %v", got)
	}
	if len(changes) != 2 || changes[0] || !changes[1] {
		t.Errorf("line changes %v", changes)
	}
}
