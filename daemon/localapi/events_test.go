package localapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// next waits for an event of the name and skips others.
func next(t *testing.T, events <-chan client.Event, name string) json.RawMessage {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case event, open := <-events:
			if !open {
				t.Fatalf("stream ended before %s", name)
			}
			if event.Name == name {
				return event.Data
			}
		case <-deadline:
			t.Fatalf("no %s", name)
		}
	}
}

func TestEvents(t *testing.T) {
	r := newRig(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.reader.Insert(Patient.Card())
	events, err := r.till.Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var state localapi.StateEvent
	if err := json.Unmarshal((<-events).Data, &state); err != nil || len(state.Readers) != 1 || state.Readers[0].State != "present" || state.Readers[0].Card.Holder != "王*" {
		t.Fatalf("state %+v %v", state, err)
	}
	r.reader.Remove()
	next(t, events, "card_removed")
	r.reader.Insert(Patient.Card())
	var inserted localapi.ReaderEvent
	if err := json.Unmarshal(next(t, events, "card_inserted"), &inserted); err != nil || inserted.Reader.Seq != r.reader.Seq() || inserted.Reader.Card == nil {
		t.Fatalf("inserted %+v %v", inserted, err)
	}
	if _, _, err := r.till.Settle(ctx, sale("S1", "10.00")); err != nil {
		t.Fatal(err)
	}
	var settled localapi.SettlementEvent
	if err := json.Unmarshal(next(t, events, "settlement"), &settled); err != nil || settled.SaleID != "S1" || settled.State != "settled" || settled.Total != "10.00" {
		t.Fatalf("settlement %+v %v", settled, err)
	}
	r.reader.Unplug()
	next(t, events, "reader_fault")
	r.reader.Plug()
	next(t, events, "reader_ready")
	r.server.PublishUpstream(localapi.UpstreamEvent{Offline: true, Unsent: 3})
	if got := next(t, events, "upstream"); string(got) != `{"offline":true,"unsent":3,"unknown":0}` {
		t.Fatalf("upstream %s", got)
	}
}

// TestSlowClientIsDropped: a client that never reads loses its stream; the others and the readers are not held up.
func TestSlowClientIsDropped(t *testing.T) {
	r := newRig(t, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.server.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /v1/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", strings.TrimPrefix(r.server.URL(), "http://"), r.cashier)
	lines := bufio.NewReader(conn)
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q %v", line, err)
	}
	quick, err := r.till.Events(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	next(t, quick, "state")
	// The quick client takes every event; the slow one's buffers fill until it is dropped.
	big := settle.Settlement{ID: strings.Repeat("x", 64<<10)}
	for i := 0; localapi.Streams(r.server) > 1; i++ {
		if i > 10000 {
			t.Fatal("the slow stream is never dropped")
		}
		r.server.PublishSettlement(&big)
		next(t, quick, "settlement")
	}
	r.reader.Insert(Patient.Card())
	next(t, quick, "card_inserted")
}

func TestHeartbeat(t *testing.T) {
	r := newRig(t, func(o *localapi.Options) { o.Heartbeat = 5 * time.Millisecond })
	request, err := http.NewRequest(http.MethodGet, r.server.URL()+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+r.cashier)
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if lines.Text() == ": still here" {
			return
		}
	}
	t.Fatalf("no heartbeat: %v", lines.Err())
}

func TestTooManyStreams(t *testing.T) {
	r := newRig(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i := range 65 {
		events, err := r.till.Events(ctx)
		if i < 64 && err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
		if i == 64 {
			wantCode(t, err, settle.RateLimited)
			break
		}
		<-events
	}
}

// TestShutdown: streams and waits for a card end at once, and the port is free again.
func TestShutdown(t *testing.T) {
	r := newRig(t, nil)
	server := r.second("127.0.0.1:0", "")
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	till := client.New(server.URL(), r.cashier)
	defer till.Close()
	events, err := till.Events(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	<-events
	eventually(t, "session and both servers follow the reader", func() bool { return r.reader.Subscribers() == 3 })
	waited := make(chan error, 1)
	go func() {
		request := sale("S1", "10.00")
		request.WaitSeconds = 120
		_, _, err := till.Settle(context.Background(), request)
		waited <- err
	}()
	eventually(t, "the sale waits", func() bool { return r.reader.Subscribers() == 4 })
	began := time.Now()
	stop()
	if err := <-ended; err != nil {
		t.Fatalf("serve: %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("shutdown took %s", took)
	}
	wantCode(t, <-waited, settle.CardAbsent)
	if _, open := <-events; open {
		t.Error("the stream goes on")
	}
	if err := r.second(strings.TrimPrefix(server.URL(), "http://"), "").Listen(); err != nil {
		t.Errorf("the port is still taken: %v", err)
	}
}
