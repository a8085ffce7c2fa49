package localapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/localapi"
	. "gongji/daemon/session/sessiontest"
)

func TestRouteTableIsSorted(t *testing.T) {
	routes := localapi.Routes()
	if !slices.IsSortedFunc(routes, func(a, b [2]string) int {
		return strings.Compare(a[1]+" "+a[0], b[1]+" "+b[0])
	}) {
		t.Fatal("routes are not sorted by path and method")
	}
}

// TestDocument: every route is in the document with its answer and the problem, and nothing else is.
func TestDocument(t *testing.T) {
	r := newRig(t, nil)
	got := r.do(http.MethodGet, "/openapi.json", "", nil)
	var document struct {
		OpenAPI    string                               `json:"openapi"`
		Paths      map[string]map[string]huma.Operation `json:"paths"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(got.body, &document); err != nil || !strings.HasPrefix(document.OpenAPI, "3.1") {
		t.Fatalf("document %q: %v", document.OpenAPI, err)
	}
	operations := 0
	for _, methods := range document.Paths {
		operations += len(methods)
	}
	if operations != len(localapi.Routes()) {
		t.Errorf("%d operations for %d routes", operations, len(localapi.Routes()))
	}
	for _, route := range localapi.Routes() {
		op, ok := document.Paths[route[1]][strings.ToLower(route[0])]
		if !ok {
			t.Errorf("%v is not in the document", route)
			continue
		}
		if op.Responses["default"] == nil || op.Responses["default"].Content["application/problem+json"] == nil || op.Summary == "" {
			t.Errorf("%v has no problem or summary", route)
		}
		if op.Responses["200"] == nil && op.Responses["201"] == nil {
			t.Errorf("%v has no good answer", route)
		}
	}
	for _, name := range []string{"Problem", "SettlementAnswer", "QuoteAnswer", "SettleRequest", "ReturnAnswer"} {
		if document.Components.Schemas[name] == nil {
			t.Errorf("no schema %s", name)
		}
	}
	if document.Components.Schemas["ErrorModel"] != nil {
		t.Error("the document has a second form of errors")
	}
}

// TestAnswersFitTheDocument holds real answers against the schemas of the document.
func TestAnswersFitTheDocument(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	var document struct {
		Components struct {
			Schemas map[string]*huma.Schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(r.do(http.MethodGet, "/openapi.json", "", nil).body, &document); err != nil {
		t.Fatal(err)
	}
	settled := r.do(http.MethodPost, "/v1/settlements", encode(t, sale("S1", "60.00")), nil)
	var sold struct {
		ID string `json:"settlement_id"`
	}
	if err := json.Unmarshal(settled.body, &sold); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"SettlementAnswer":  settled.body,
		"QuoteAnswer":       r.do(http.MethodPost, "/v1/quotes", encode(t, sale("S2", "60.00")), nil).body,
		"ReadersAnswer":     r.do(http.MethodGet, "/v1/reader", "", nil).body,
		"AccountsAnswer":    r.do(http.MethodGet, "/v1/people/me/accounts", "", nil).body,
		"ExplanationAnswer": r.do(http.MethodGet, "/v1/settlements/"+sold.ID+"/explanation", "", nil).body,
		"BindingsAnswer":    r.do(http.MethodGet, "/v1/people/me/bindings", "", nil).body,
		"AttentionsAnswer":  r.do(http.MethodGet, "/v1/attention", "", as(r.manager)).body,
		"RequestAnswer":     r.asked(),
		"PremiumAnswer":     r.contributed(),
		"RecordsAnswer":     r.do(http.MethodGet, "/v1/records", "", as(r.manager)).body,
		"ReportAnswer":      r.do(http.MethodGet, "/v1/reports?from=2026-01-01&to=2026-12-31", "", as(r.manager)).body,
		"StatementAnswer":   r.do(http.MethodGet, "/v1/people/me/statement", "", nil).body,
		"ReceiptAnswer":     r.do(http.MethodGet, "/v1/settlements/"+sold.ID+"/receipt", "", nil).body,
		"Problem":           r.do(http.MethodPost, "/v1/quotes", `{"tips": 1}`, nil).body,
	} {
		schema := document.Components.Schemas[name]
		if schema == nil {
			t.Errorf("no schema %s", name)
			continue
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, required := range schema.Required {
			if members[required] == nil {
				t.Errorf("%s lacks %s: %s", name, required, body)
			}
		}
		for member := range members {
			if schema.Properties[member] == nil {
				t.Errorf("%s has %s, which the document does not know", name, member)
			}
		}
	}
}

// asked is the answer to a request for a binding, contributed to a contribution; the patient's card is back afterwards.
func (r *rig) asked() []byte {
	r.reader.Swap(Stranger.Card())
	defer r.reader.Swap(Patient.Card())
	return r.do(http.MethodPost, "/v1/bindings", encode(r.t, sibling("Q1")), nil).body
}

func (r *rig) contributed() []byte {
	r.reader.Swap(Husband.Card())
	defer r.reader.Swap(Patient.Card())
	return r.do(http.MethodPost, "/v1/premiums", encode(r.t, premium("P1", "1.00")), nil).body
}
