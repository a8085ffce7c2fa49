package baseline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestSettle: both forms do the work that they are measured by.
func TestSettle(t *testing.T) {
	for _, form := range []Form{Rollback, WAL, Unsynced} {
		t.Run(string(form), func(t *testing.T) {
			s, err := Open(t.TempDir(), form)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Seed(2); err != nil {
				t.Fatal(err)
			}
			if _, err := s.db.Exec("UPDATE account SET balance = 100 WHERE id = 0; UPDATE account SET balance = 50 WHERE id = 1"); err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(Handler(s))
			defer server.Close()
			sell := func(id string, total int64) (answer Settlement) {
				t.Helper()
				body, _ := json.Marshal(Sale{ID: id, Lines: []Line{{Code: "C", Total: total}}})
				response, err := http.Post(server.URL+"/settle", "application/json", bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				if response.StatusCode != http.StatusCreated || json.NewDecoder(response.Body).Decode(&answer) != nil {
					t.Fatalf("sale %s: %s", id, response.Status)
				}
				return answer
			}
			first := sell("A", 200)
			if first.Own != 100 || first.Shared != 100 || first.Cash != 0 {
				t.Errorf("three accounts paid %+v", first)
			}
			if again := sell("A", 200); again != first {
				t.Errorf("the same sale is %+v", again)
			}
			for table, want := range map[string]int{"settlement": 1, "posting": 3, "outbox": 1, "line": 1} {
				var n int
				if err := s.db.QueryRow(fmt.Sprintf("SELECT COUNT(*) FROM %s", table)).Scan(&n); err != nil || n != want {
					t.Errorf("%d rows of %s, %v", n, table, err)
				}
			}
		})
	}
}

// TestOpenRefusesOtherForms: a form that does not exist is no database.
func TestOpenRefusesOtherForms(t *testing.T) {
	if _, err := Open(t.TempDir(), "fast"); err == nil {
		t.Error("it opened")
	}
}
