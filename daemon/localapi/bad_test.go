package localapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/daemon/localapi"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// TestEveryBadFieldAtOnce: what the schema finds and what only the rules of a sale can find are in one answer.
func TestEveryBadFieldAtOnce(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	body := `{"sale_id": "S 1", "terminal": "counter-1", "operator": {"id": "1", "colour": 1}, "med_type": "41",
		"patient": {"id_number": "` + Patient.IDNumber[:17] + `0"}, "use_accounts": "yes", "wait_for_card_s": 500,
		"lines": [{"id": "1", "code": "C", "name": "a", "class": "drug_a", "quantity": "2", "unit_price": "12.50", "total": "26.00"},
			{"id": "1", "code": "C", "name": "a", "class": "drug_a", "quantity": 2, "unit_price": "12.5e1", "total": "1e2"},
			{"id": "3", "name": "a", "class": "drug_a", "quantity": "1", "unit_price": "1.00", "total": "1.00",
				"split": {"fund": "0.50", "bonus": "0.50"}}],
		"proxy": {"agent": {"id_number": "123", "name": "x"}}, "tips": "1.00"}`
	p := r.do(http.MethodPost, "/v1/settlements", body, nil).problem(t)
	if p.Code != settle.BadRequest || p.Status != http.StatusUnprocessableEntity {
		t.Fatalf("problem %+v", p)
	}
	var got []string
	for _, f := range p.Fields {
		got = append(got, f.Field)
		if f.Message == "" || f.Detail == "" {
			t.Errorf("%s has no sentence: %+v", f.Field, f)
		}
	}
	want := []string{
		"lines[0].total", "lines[1].id", "lines[1].quantity", "lines[1].total", "lines[1].unit_price", "lines[2].code",
		"lines[2].split", "lines[2].split.bonus", "operator.colour", "patient.id_number", "proxy.agent.id_number", "sale_id", "tips",
		"use_accounts", "wait_for_card_s",
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

// TestNamesAreExact: a member in other letters is not the member.
func TestNamesAreExact(t *testing.T) {
	r := newRig(t, nil)
	body := strings.Replace(encode(t, sale("S1", "1.00")), `"terminal"`, `"Terminal"`, 1)
	p := r.do(http.MethodPost, "/v1/quotes", body, nil).problem(t)
	if p.Code != settle.BadRequest || len(p.Fields) != 2 || p.Fields[0].Field != "terminal" || p.Fields[1].Field != "Terminal" {
		t.Fatalf("fields %+v", p.Fields)
	}
}

func TestMalformedBodies(t *testing.T) {
	r := newRig(t, nil)
	good := encode(t, sale("S1", "1.00"))
	for name, c := range map[string]struct {
		body, contentType string
		status            int
		code              settle.Code
	}{
		"no content type":     {good, "", 415, settle.UnsupportedMedia},
		"a form":              {good, "application/x-www-form-urlencoded", 415, settle.UnsupportedMedia},
		"plain text":          {good, "text/plain", 415, settle.UnsupportedMedia},
		"another charset":     {good, "application/json; charset=gbk", 415, settle.UnsupportedMedia},
		"two content types":   {good, "application/json, text/plain", 415, settle.UnsupportedMedia},
		"cut short":           {good[:len(good)-1], "application/json", 400, settle.BadRequest},
		"two documents":       {good + good, "application/json", 400, settle.BadRequest},
		"empty":               {"", "application/json", 400, settle.BadRequest},
		"a list":              {"[]", "application/json", 422, settle.BadRequest},
		"null":                {"null", "application/json", 422, settle.BadRequest},
		"a member twice":      {`{"sale_id": "a", "sale_id": "b"}`, "application/json", 400, settle.BadRequest},
		"not UTF-8":           {"{\"sale_id\": \"\xff\"}", "application/json", 400, settle.BadRequest},
		"17 levels":           {strings.Repeat("[", 17) + strings.Repeat("]", 17), "application/json", 400, settle.BadRequest},
		"a number too big":    {`{"wait_for_card_s": 1e999}`, "application/json", 400, settle.BadRequest},
		"too large":           {`{"sale_id": "` + strings.Repeat("a", 256<<10) + `"}`, "application/json", 413, settle.TooLarge},
		"a million brackets":  {strings.Repeat("[", 200<<10), "application/json", 400, settle.BadRequest},
		"good with a charset": {good, "application/json; charset=UTF-8", 409, settle.CardAbsent},
	} {
		got := r.do(http.MethodPost, "/v1/quotes", c.body, func(r *http.Request) {
			r.Header.Del("Content-Type")
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
		})
		if p := got.problem(t); got.StatusCode != c.status || p.Code != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, got.StatusCode, p.Code, c.status, c.code)
		}
	}
}

func TestTooManyLines(t *testing.T) {
	r := newRig(t, nil)
	request := sale("S1", "1.00")
	line := request.Lines[0]
	request.Lines = nil
	for range 201 {
		request.Lines = append(request.Lines, line)
	}
	p := r.do(http.MethodPost, "/v1/quotes", encode(t, request), nil).problem(t)
	if p.Code != settle.BadRequest || len(p.Fields) != 1 || p.Fields[0].Field != "lines" {
		t.Fatalf("fields %+v", p.Fields)
	}
}

// FuzzQuote: whatever the body, the answer is a quote or a complete problem. Run it with -fuzzminimizetime 1x: the server's
// goroutines make coverage differ from run to run, and minimising would never end.
func FuzzQuote(f *testing.F) {
	r := newRig(f, func(o *localapi.Options) { o.Clock = leaps() })
	r.reader.Insert(Patient.Card())
	good := encode(f, sale("S1", "12.50"))
	f.Add(good)
	f.Add(strings.Replace(good, `"12.50"`, `"1e2"`, 1))
	f.Add(strings.Replace(good, `"terminal"`, `"Terminal"`, 1))
	f.Add(`{"lines":[{"split":{}}],"proxy":{},"visit":{"diagnoses":[{}]}}`)
	f.Add(`{"lines":null,"patient":null,"operator":[],"presenter":{}}`)
	f.Add(`[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]`)
	f.Add(`{"wait_seconds":3e333}`)
	f.Fuzz(func(t *testing.T, body string) {
		r.t = t
		got := r.do(http.MethodPost, "/v1/quotes", body, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })
		if got.StatusCode == http.StatusOK {
			var quote struct{ Total, Digest string }
			if err := json.Unmarshal(got.body, &quote); err != nil || quote.Digest == "" {
				t.Fatalf("answer %s", got.body)
			}
			return
		}
		if p := got.problem(t); p.Code == settle.StoreBroken || p.Code == settle.RateLimited {
			t.Fatalf("%s for %q", p.Code, body)
		}
	})
}

// TestSlowBody: a client that does not send its body is answered and dropped.
func TestSlowBody(t *testing.T) {
	r := newRig(t, nil)
	server := r.second("127.0.0.1:0", "")
	localapi.SetBodyTimeout(server, 50*time.Millisecond)
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	defer func() { stop(); <-ended }()
	host := strings.TrimPrefix(server.URL(), "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /v1/quotes HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", host, r.cashier)
	lines := bufio.NewReader(conn)
	response, err := http.ReadResponse(lines, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Fatalf("status %d", response.StatusCode)
	}
	if _, err := io.Copy(io.Discard, lines); err != nil { // until the server hangs up
		t.Fatalf("the connection stays: %v", err)
	}
}
