package localapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"gongji/daemon/localapi"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// FuzzEveryEndpoint drives the handler that serves the API: any route of the document (or whatever path), any query, any body, as
// a cashier, a manager or nobody. Whatever comes, the answer is one of the API's own, and never a fault of the store nor a
// panic; and the ledger still verifies. It goes past the socket, so that coverage is the same from run to run.
func FuzzEveryEndpoint(f *testing.F) {
	r := newRig(f, func(o *localapi.Options) { o.Clock = leaps() })
	r.reader.Insert(Patient.Card())
	handler, host := localapi.Handler(r.server), strings.TrimPrefix(r.server.URL(), "http://")
	routes := documented(f, handler, host)
	good := encode(f, sale("S1", "12.50"))
	for i, route := range routes {
		f.Add(uint8(i), uint8(1), "S1", "from=2026-11-01&to=2026-11-30&format=json", good) //nolint:gosec // some sixty
		if method, _, _ := strings.Cut(route, " "); method != http.MethodGet {
			f.Add(uint8(i), uint8(2), "1", "", `{"operator":{"id":"1001"},"note":"x","lines":[{"id":"1","quantity":"1"}]}`) //nolint:gosec // as above
		}
	}
	f.Add(uint8(255), uint8(0), "../%2e%2e//", "a=%zz", "[[[[")
	sales := 0
	f.Fuzz(func(t *testing.T, which, who uint8, part, query, body string) {
		method, path := http.MethodPost, "/"+part
		if int(which) < len(routes) {
			method, path, _ = strings.Cut(routes[which], " ")
		}
		for _, name := range []string{"{id}", "{sale_id}", "{day}", "{month}", "{return_id}", "{person}"} {
			path = strings.ReplaceAll(path, name, part)
		}
		if strings.HasPrefix(path, "/v1/events") { // it lasts as long as the request does
			return
		}
		request := httptest.NewRequestWithContext(t.Context(), method, "http://"+host+"/", strings.NewReader(body))
		request.URL.Path, request.URL.RawPath, request.URL.RawQuery = path, "", query
		request.Host = host
		request.Header.Set("Content-Type", "application/json")
		if token := []string{"", r.cashier, r.manager}[who%3]; token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		got := httptest.NewRecorder()
		handler.ServeHTTP(got, request)
		if got.Code >= 500 && got.Code != http.StatusServiceUnavailable && got.Code != http.StatusNotImplemented && got.Code != http.StatusBadGateway {
			t.Fatalf("%s %s?%s: %d %s", method, path, query, got.Code, got.Body)
		}
		if got.Code >= 400 && strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(got.Header().Get("Content-Type"), "text/html") {
			var p struct{ Code settle.Code }
			if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil || p.Code == "" || p.Code == settle.StoreBroken || p.Code == settle.StoreFull {
				t.Fatalf("%s %s?%s: %d %s", method, path, query, got.Code, got.Body)
			}
		}
		if sales++; sales%5000 == 0 {
			if report, err := r.ledger.Verify(t.Context(), nil); err != nil || !report.OK() {
				t.Fatalf("verify: %v %v", report.Findings, err)
			}
		}
	})
}

// documented are the routes of the API's own document, as "GET /v1/…", in order.
func documented(f *testing.F, handler http.Handler, host string) (routes []string) {
	f.Helper()
	request := httptest.NewRequestWithContext(f.Context(), http.MethodGet, "http://"+host+"/openapi.json", nil)
	got := httptest.NewRecorder()
	handler.ServeHTTP(got, request)
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(got.Body.Bytes(), &document); err != nil {
		f.Fatal(err)
	}
	for path, methods := range document.Paths {
		for method := range methods {
			routes = append(routes, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(routes)
	if len(routes) < 30 {
		f.Fatalf("the document names %d routes", len(routes))
	}
	return routes
}
