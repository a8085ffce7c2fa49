package feed

import (
	"bytes"
	"context"
	"crypto/rand"
	"reflect"
	"testing"
	"time"

	"aead.dev/minisign"

	"gongji/settle"
)

// FuzzReadSnapshot: the way that reads a file in parts takes and refuses the same texts as the way that reads it whole, and reads
// the same facts.
func FuzzReadSnapshot(f *testing.F) {
	f.Add(load(f))
	f.Add([]byte(`{"people":[],"accounts":[],"bindings":[],"snapshot_id":"S","centre_time":"2026-11-22 10:00:00","full":true,"cursor":""}`))
	f.Add([]byte(`{"snapshot_id":null,"people":[null,{}],"people":[],"ended":{"people":["1"]}} x`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var parts settle.Snapshot
		head, err := ReadSnapshot(bytes.NewReader(data), func(part settle.Snapshot) error {
			parts.People = append(parts.People, part.People...)
			parts.Accounts = append(parts.Accounts, part.Accounts...)
			parts.Bindings = append(parts.Bindings, part.Bindings...)
			parts.Usage = append(parts.Usage, part.Usage...)
			return nil
		})
		whole, wholeErr := DecodeSnapshot(data)
		if err != nil && settle.CodeOf(err) != settle.BadRequest {
			t.Fatalf("refused without a code: %v", err)
		}
		if err != nil || wholeErr != nil {
			return // a member that stands twice is the last one for one way and both for the other
		}
		if head.ID != whole.ID || !head.CentreTime.Equal(whole.CentreTime) || head.Full != whole.Full || head.Cursor != whole.Cursor {
			t.Fatalf("in parts %+v, whole %+v", head, whole)
		}
		if twice(data) {
			return
		}
		for _, pair := range [][2]any{{parts.People, whole.People}, {parts.Accounts, whole.Accounts}, {parts.Bindings, whole.Bindings}, {parts.Usage, whole.Usage}} {
			if a, b := reflect.ValueOf(pair[0]), reflect.ValueOf(pair[1]); a.Len() != b.Len() || a.Len() > 0 && !reflect.DeepEqual(pair[0], pair[1]) {
				t.Fatalf("in parts %+v, whole %+v", pair[0], pair[1])
			}
		}
	})
}

// twice reports whether a list of facts may stand in a text twice.
func twice(data []byte) bool {
	for _, name := range []string{"people", "accounts", "bindings", "usage"} {
		if bytes.Count(bytes.ToLower(data), []byte(name)) > 1 {
			return true
		}
	}
	return bytes.Contains(data, []byte(`\u`))
}

// FuzzDecodeNews: what the head office tells ahead of the feed is refused by code, or is the same after being written again.
func FuzzDecodeNews(f *testing.F) {
	text, err := EncodeNews(&settle.News{
		ID: "N-1", CentreTime: time.Date(2026, 11, 22, 12, 0, 0, 0, settle.Beijing), Through: "7",
		People:   []settle.NewsPerson{{PsnNo: "1", Status: settle.StatusNormal}},
		Accounts: []settle.NewsAccount{{PsnNo: "1", Status: settle.StatusNormal, Held: 500}}, EndedBinds: []string{"B-1"},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"cards":[{}],"accounts":[null],"ended":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := DecodeNews(data)
		if err != nil {
			if settle.CodeOf(err) != settle.BadRequest {
				t.Fatalf("refused without a code: %v", err)
			}
			return
		}
		first, err := EncodeNews(&n)
		if err != nil {
			t.Skip("a year beyond 9999 has no wire form")
		}
		back, err := DecodeNews(first)
		if err != nil {
			t.Fatalf("what was accepted is refused after being written: %v", err)
		}
		if second, err := EncodeNews(&back); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("written twice, two texts:\n%s\n%s", first, second)
		}
	})
}

// empty is a store that knows nobody and takes nothing.
type empty struct{ t *testing.T }

func (e empty) CompareSnapshot(context.Context, settle.Snapshot) (settle.SnapshotDiff, error) {
	e.t.Error("a file that nobody signed was held against the ledger")
	return settle.SnapshotDiff{}, nil
}

func (empty) SnapshotsApplied(context.Context, string) ([]string, error) { return nil, nil }

func (e empty) ApplySnapshot(context.Context, settle.Snapshot) error {
	e.t.Error("a file that nobody signed was applied")
	return nil
}

func (empty) RecordIncident(context.Context, string, map[string]string) error { return nil }

// FuzzImportSignature: no text beside a file is taken for its signature unless the signer made it; what is not is BAD_REQUEST, and
// nothing of the file is looked at.
func FuzzImportSignature(f *testing.F) {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	file := load(f)
	good := minisign.Sign(private, append(file, ' ')) // of another file
	f.Add(good)
	f.Add([]byte("untrusted comment: x\nRWQ=\ntrusted comment: y\nAA==\n"))
	f.Fuzz(func(t *testing.T, signature []byte) {
		importer, err := NewImporter(ImporterOptions{Trusted: []string{public.String()}, Store: empty{t}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := importer.Preview(t.Context(), settle.ImportFile{File: file, Signature: signature}); settle.CodeOf(err) != settle.BadRequest {
			t.Fatalf("answered with %v", err)
		}
	})
}
