package feed_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/feed"
)

// TestVoucherGoesOutOnce: the code is in one message; the family is asked for by the number that the answer names.
func TestVoucherGoesOutOnce(t *testing.T) {
	now := time.Now()
	family := centre.DemoFamily(settle.DateOf(now))
	book, err := centre.New(centre.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := book.Seed(family.Snapshot(now)); err != nil {
		t.Fatal(err)
	}
	code := centre.Evoucher(family.Patient.PsnNo, now)
	var carried []string
	r := newRig(t, nil, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		var head struct{ Infno string }
		if err := json.Unmarshal(body, &head); err != nil {
			t.Error(err)
		}
		if bytes.Contains(body, []byte(code)) {
			carried = append(carried, head.Infno)
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		book.Handler().ServeHTTP(w, request)
	}), nil)
	holder, err := r.feed.Refresh(t.Context(), feed.Holder{Kind: settle.CredentialEvoucher, Number: code})
	if err != nil || holder.PsnNo != family.Patient.PsnNo || holder.Name != family.Patient.Name {
		t.Fatalf("the holder is somebody else: %v", err)
	}
	if !slices.Equal(carried, []string{"1101"}) || !slices.Equal(r.seen, []string{"1101", "G101"}) {
		t.Errorf("the code was in %v of %v", carried, r.seen)
	}
	if len(r.store.applied) != 2 || len(r.store.applied[1].Bindings) != 3 {
		t.Errorf("%d snapshots, no family", len(r.store.applied))
	}
	_, err = r.feed.Refresh(t.Context(), feed.Holder{Kind: settle.CredentialEvoucher, Number: code})
	if settle.CodeOf(err) != settle.PersonUnknown || strings.Contains(err.Error(), code) || strings.Contains(r.log.String(), code) {
		t.Errorf("a used code: %v", err)
	}
}
