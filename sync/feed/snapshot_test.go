package feed

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

func load(t testing.TB) []byte {
	data, err := os.ReadFile("testdata/snapshot.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSnapshotVector reads the page's own example, completed, and writes it back to the same meaning.
func TestSnapshotVector(t *testing.T) {
	s, err := DecodeSnapshot(load(t))
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		parsed, err := time.ParseInLocation("2006-01-02 15:04:05.000", text, settle.Beijing)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	want := settle.Snapshot{
		ID: "S-20261122-0007", CentreTime: at("2026-11-22 10:00:00.120"), Cursor: "00000000000000004711",
		People: []settle.SnapshotPerson{
			{PsnNo: "43010000000000001234", IDNumber: "11010519491231002X", Name: "王芳", Insurance: "310", Status: "normal", Area: "430100",
				Cards: []settle.SnapshotCard{{Number: "X00000019", Identifier: "639900D15600000500BF7C7A48FB4966", Status: "valid", Expires: 20301001}}},
			{PsnNo: "43010000000000005678", IDNumber: "110105194912310038", Name: "李强", Insurance: "390", Status: "paused", Area: "430200", Waiting: true},
		},
		Accounts: []settle.SnapshotAccount{
			{PsnNo: "43010000000000001234", Status: "normal", Balance: 12345, ReservedElsewhere: 500,
				ContainsThrough: map[string]time.Time{"P43010000001": at("2026-11-22 09:58:11.003")},
				Allowance:       8000, AllowanceUntil: at("2026-11-23 10:00:00.000")},
			{PsnNo: "43010000000000005678", Status: "frozen", TwoPots: true, Current: 100, Prior: 200, Mutual: 300, Frozen: 50},
		},
		Bindings: []settle.SnapshotBinding{
			{ID: "B-9001", Giver: "43010000000000001234", Beneficiary: "43010000000000005678", Relation: "child", Rank: 1, BoundAt: 20250101,
				ValidFrom: 20250101, Mode: "direct", LimitAll: true, Active: true},
			{ID: "B-9002", Giver: "43010000000000005678", Beneficiary: "43010000000000001234", Relation: "parent", Rank: 0, BoundAt: 20250101,
				ValidFrom: 20250101, ValidTo: 20261231, Mode: "wallet", QuotaTotal: 1000, QuotaUsed: 100, Limit: settle.CapOf(0), LimitUsed: 1},
		},
		Usage:      []settle.SnapshotUsage{{PsnNo: "43010000000000001234", DayShared: 1, MonthShared: 2, YearShared: 3, AsOf: 20261122}},
		EndedBinds: []string{"B-8000"}, EndedPsnNo: []string{},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("read\n%+v\nwant\n%+v", s, want)
	}
	again, err := EncodeSnapshot(s)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeSnapshot(again)
	if err != nil || !reflect.DeepEqual(back, want) {
		t.Errorf("written and read again:\n%+v, %v", back, err)
	}
}

// TestSnapshotRefused: each of these refuses the whole snapshot, names the place, and shows no value.
func TestSnapshotRefused(t *testing.T) {
	good := string(load(t))
	for name, c := range map[string]struct{ old, now, place string }{
		"no id":              {`"snapshot_id": "S-20261122-0007",`, ``, "snapshot_id"},
		"no time":            {`"centre_time": "2026-11-22 10:00:00.120",`, ``, "centre_time"},
		"time of a form":     {`"2026-11-22 10:00:00.120"`, `"2026-11-22T10:00:00Z"`, "time must be"},
		"no full":            {`"full": false,`, ``, "full"},
		"null people":        {`"people": [`, `"people": null, "x": [`, "people"},
		"no accounts":        {`"accounts"`, `"accountz"`, "accounts"},
		"no bindings":        {`"bindings": [{`, `"bindingz": [{`, "bindings"},
		"no cursor":          {`"cursor"`, `"curser"`, "cursor"},
		"no name":            {`"psn_name": "王芳"`, `"psn_name": ""`, "people[0].psn_name"},
		"person status":      {`"status": "paused"`, `"status": "asleep"`, "people[1].status"},
		"area":               {`"430200"`, `"4302"`, "people[1].area"},
		"card status":        {`"status": "valid"`, `"status": "torn"`, "people[0].cards[0].status"},
		"three pots":         {`{"balance": "123.45"}`, `{"balance": "1.00", "current": "1.00"}`, "accounts[0].pots"},
		"half a pair":        {`{"balance": "123.45"}`, `{"current": "1.00"}`, "accounts[0].pots"},
		"money as number":    {`"123.45"`, `123.45`, ""},
		"money of a decimal": {`"123.45"`, `"123.4"`, ""},
		"negative":           {`"123.45"`, `"-123.45"`, "accounts[0]"},
		"relation":           {`"relation": "child"`, `"relation": "cousin"`, "bindings[0].relation"},
		"no rank":            {`"rank": 1, `, ``, "bindings[0]"},
		"no start":           {`"valid_from": "2025-01-01", "valid_to": null`, `"valid_to": null`, "bindings[0]"},
		"no state":           {`"state": "active"`, `"state": ""`, "bindings[0].state"},
		"mode":               {`"mode": "direct"`, `"mode": "crooked"`, "bindings[0].mode"},
		"date":               {`"valid_to": "2026-12-31"`, `"valid_to": "2026-02-31"`, ""},
		"usage of no day":    {`, "as_of": "2026-11-22"`, ``, "usage[0].as_of"},
		"torn":               {`"ended"`, `"ended`, "byte"},
		"two objects":        {"\"people\": []}}\n", "\"people\": []}} {}\n", "follows"},
		"wrong type":         {`"people": [`, `"people": {}, "x": [`, "wrong JSON type"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(good, c.old, c.now, 1)
			if changed == good {
				t.Fatal("the case changes nothing")
			}
			_, err := DecodeSnapshot([]byte(changed))
			if settle.CodeOf(err) != settle.BadRequest {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), c.place) {
				t.Errorf("%q does not name %s", err, c.place)
			}
			for _, secret := range []string{"王芳", "11010519491231002X", "43010000000000001234", "X00000019"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows a value: %v", err)
				}
			}
		})
	}
}

// TestUsedBelowNothingIsNothing: a centre that counts a return against a limit set later, or a day after, says less than
// nothing. That is no reason to refuse everybody else on the page.
func TestUsedBelowNothingIsNothing(t *testing.T) {
	text := strings.NewReplacer(`"used": "0.01"`, `"used": "-0.01"`, `"quota_used": "1.00"`, `"quota_used": "-1.00"`,
		`"day_shared": "0.01"`, `"day_shared": "-0.01"`).Replace(string(load(t)))
	s, err := DecodeSnapshot([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	last := s.Bindings[len(s.Bindings)-1]
	if last.LimitUsed != 0 || last.QuotaUsed != 0 || s.Usage[0].DayShared != 0 || s.Usage[0].MonthShared != 2 {
		t.Errorf("read %+v and %+v", last, s.Usage[0])
	}
}

func FuzzDecodeSnapshot(f *testing.F) {
	f.Add(load(f))
	f.Add([]byte(`{"snapshot_id":"S","centre_time":"2026-11-22 10:00:00","full":true,"cursor":"","people":[],"accounts":[],"bindings":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeSnapshot(data)
		if err != nil {
			return
		}
		first, err := EncodeSnapshot(s)
		if err != nil {
			t.Skip("a year beyond 9999 has no wire form")
		}
		back, err := DecodeSnapshot(first)
		if err != nil {
			t.Fatalf("what was accepted is refused after being written: %v", err)
		}
		second, err := EncodeSnapshot(back)
		if err != nil || !bytes.Equal(first, second) || !json.Valid(first) {
			t.Fatalf("written twice, two texts:\n%s\n%s", first, second)
		}
	})
}

// TestBindingAlone: one binding travels as it does inside a snapshot.
func TestBindingAlone(t *testing.T) {
	b := settle.SnapshotBinding{
		ID: "B-1", Giver: "1", Beneficiary: "2", Relation: settle.Parent, Rank: 2, BoundAt: 20260101, ValidFrom: 20260101, ValidTo: 20271231,
		Mode: settle.Direct, Limit: settle.CapOf(500), LimitUsed: 100, Active: true,
	}
	data, err := EncodeBinding(b)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := DecodeBinding(data); err != nil || back != b {
		t.Errorf("%+v, %v", back, err)
	}
	for _, bad := range []string{`{}`, `[]`, `{"binding_id":"B","giver":"1","beneficiary":"2","relation":"friend","rank":1,"bound_at":"2026-01-01","valid_from":"2026-01-01","state":"active"}`} {
		if back, err := DecodeBinding([]byte(bad)); settle.CodeOf(err) != settle.BadRequest {
			t.Errorf("%s was read as %+v, %v", bad, back, err)
		}
	}
}
