package client_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gongji/daemon/localapi/client"
)

// asked notes what the client's methods ask for, by the daemon's own patterns.
type asked struct {
	mux     *http.ServeMux
	queries map[string]map[string]bool // by pattern: the query's parameters
	unknown []string                   // requests that the daemon has no route for
}

// RoundTrip hands the request to the pattern that fits and answers with an empty object.
func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	a.mux.ServeHTTP(answer, r)
	if answer.Code == http.StatusNotFound || answer.Code == http.StatusMethodNotAllowed {
		a.unknown = append(a.unknown, r.Method+" "+r.URL.Path)
	}
	return answer.Result(), nil
}

// TestEveryRouteHasAMethod: each route of the daemon's document has a method that asks for it, with every parameter that the
// document names; and no method asks for anything that the document does not know.
func TestEveryRouteHasAMethod(t *testing.T) {
	document := theDocument(t)
	a := &asked{mux: http.NewServeMux(), queries: map[string]map[string]bool{}}
	for pattern := range document {
		a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if a.queries[pattern] == nil {
				a.queries[pattern] = map[string]bool{}
			}
			for name := range r.URL.Query() {
				a.queries[pattern][name] = true
			}
			_, _ = io.WriteString(w, "{}")
		})
	}
	callEverything(t, client.Over(a, "http://127.0.0.1:7311", "token"))
	for _, request := range a.unknown {
		t.Errorf("the client asks for %s, which the daemon's document does not have", request)
	}
	for pattern, parameters := range document {
		sent, called := a.queries[pattern]
		if !called {
			t.Errorf("no method of the client asks for %s", pattern)
			continue
		}
		for _, name := range parameters {
			if !sent[name] {
				t.Errorf("no method of the client sends %s of %s", name, pattern)
			}
		}
		for name := range sent {
			if !slices.Contains(parameters, name) {
				t.Errorf("the client sends %s to %s, which does not know it", name, pattern)
			}
		}
	}
}

// theDocument is every route of the running daemon as a pattern, with the names of its query's parameters.
func theDocument(t *testing.T) map[string][]string {
	t.Helper()
	c := client.New(address, token)
	defer c.Close()
	data, err := c.OpenAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	routes := map[string][]string{}
	for path, methods := range document.Paths {
		for method, operation := range methods {
			pattern := strings.ToUpper(method) + " " + path
			routes[pattern] = []string{}
			for _, p := range operation.Parameters {
				if p.In == "query" {
					routes[pattern] = append(routes[pattern], p.Name)
				}
			}
		}
	}
	if len(routes) < 40 {
		t.Fatalf("the document has %d routes", len(routes))
	}
	return routes
}

// callEverything calls each method of the client with something in every argument.
func callEverything(t *testing.T, c *client.Client) {
	t.Helper()
	value := reflect.ValueOf(c)
	for i := range value.NumMethod() {
		method, name := value.Method(i), value.Type().Method(i).Name
		if method.Type().NumIn() == 0 {
			continue // Close asks for nothing
		}
		arguments := make([]reflect.Value, method.Type().NumIn())
		for j := range arguments {
			arguments[j] = something(method.Type().In(j))
		}
		results := method.Call(arguments)
		if err, failed := results[len(results)-1].Interface().(error); failed {
			t.Errorf("%s: %v", name, err)
		}
		if events, ok := results[0].Interface().(<-chan client.Event); ok && events != nil {
			for range events { // the stream ends at once
				t.Error("an event out of an empty stream")
			}
		}
	}
}

// something is a value of a type with nothing left out.
func something(t reflect.Type) reflect.Value {
	switch t {
	case reflect.TypeFor[context.Context]():
		return reflect.ValueOf(context.Background())
	case reflect.TypeFor[io.Writer]():
		return reflect.ValueOf(io.Discard)
	}
	value := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.String:
		value.SetString("x")
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int, reflect.Int64:
		value.SetInt(2)
	case reflect.Struct:
		for i := range t.NumField() {
			if field := t.Field(i); field.IsExported() && (field.Type.Kind() != reflect.Struct || field.Anonymous) {
				value.Field(i).Set(something(field.Type))
			}
		}
	}
	return value
}
