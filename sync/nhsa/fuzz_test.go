package nhsa

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"testing"

	"gongji/settle"
)

// FuzzFurtherAnswers reads whatever a centre may send in place of the answers that FuzzDecodeAnswer has not: it is refused or
// read, never a panic, and what is read holds no money that cannot be.
func FuzzFurtherAnswers(f *testing.F) {
	for _, output := range []string{
		`{"result":{"trt_month":1,"medfee_sumamt":5,"fund_pay_sumamt":2,"preselfpay_amt":1,"inscp_scp_amt":4,"overlmt_selfpay":0}}`,
		`{"file_qury_no":"F1","filename":"r.txt","fixmedins_code":"P43010000001"}`,
		`{"mdtrtinfo":[{"mdtrt_id":"M1","begntime":"2026-11-22 10:00:00"}],"setlinfo":{"setl_id":"S1","medfee_sumamt":"26.67"}}`,
		`{"stmtinfo":{"stmt_rslt":"0","stmt_rslt_dscr":"一致"},"data":{"mdtrt_id":"M1","psn_no":"1"}}`,
		`{"list":[{"type":"psn_type","label":"在职","value":"11"}],"medinsinfo":[{"fixmedins_code":"P43010000001"}],"result":[{"feedetl_sn":"1","det_item_fee_sumamt":5}]}`,
		`{"request_id":"Q-1","state":"accepted","binding":{"binding_id":"B"},"premium_id":"P-1","pays":[{"psn_no":"1","amount":"5.00"}]}`,
		`[]`, `null`, `"{}"`, `[[]]`,
	} {
		f.Add([]byte(output), int64(2667), 1)
	}
	f.Fuzz(func(t *testing.T, output []byte, total int64, lines int) {
		read := func() *Answer { return &Answer{Output: unquoteJSON(output)} }
		parts, err := DecodeParts(read(), settle.Fen(total))
		if sum := parts.Own + parts.OverLimit + parts.SelfPay + parts.InScope; err == nil && sum != settle.Fen(total) {
			t.Fatalf("parts of %d: %+v", total, parts)
		}
		if fees, err := DecodeFees(read()); err == nil {
			for _, fee := range fees {
				if sum := fee.Own + fee.OverLimit + fee.SelfPay + fee.InScope; sum != 0 && sum != fee.Total {
					t.Fatalf("a fee that does not add up: %+v", fee)
				}
			}
		}
		if goods, err := DecodeGoods(read(), max(0, min(lines, 200))); err == nil && len(goods) > 200 {
			t.Fatalf("%d results for %d lines", len(goods), lines)
		}
		_, _ = DecodeInstitutions(read())
		_, _ = DecodeDictionary(read())
		_, _ = DecodeBenefits(read())
		_, _ = DecodeRegister(read())
		_, _ = DecodeTotals(read())
		_, _ = DecodeDetails(read())
		_, _ = DecodeClearing(read())
		_, _ = DecodeVisits(read())
		_, _ = DecodeSettlement(read())
		_, _ = DecodeSettledLines(read())
		_ = DecodeSignOut(read())
		_, _ = DecodeUpload(read())
		_, _ = DecodeBindingAnswer(read())
		_, _ = DecodePremiumAnswer(read(), "P-1")
	})
}

// FuzzDecodeStatement: a venue's day as a centre reads it, zipped or not; what is read can be written and is read the same.
func FuzzDecodeStatement(f *testing.F) {
	data, err := EncodeStatement("s.txt", []StatementRow{{SetlID: "S1", MdtrtID: "M1", PsnNo: "1", Total: 500, Fund: 100, Account: 400}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("S1\tM1\t1\t5.00\t1.00\t4.00\t0\n"))
	f.Add([]byte("\ufeffS1\tnull\t1\t5\t1.0\t-4.00\t1\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := DecodeStatement(data)
		if err != nil {
			return
		}
		again, err := EncodeStatement("s.txt", rows)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeStatement(again)
		if err != nil || len(back) != len(rows) {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}

// FuzzDecodeRequest: what a stranger sends to a centre, with every signature that it may carry. No signature of a kind with a key
// is accepted that this test has not made.
func FuzzDecodeRequest(f *testing.F) {
	_, _, key := sm2Pair(f)
	sealed, err := NewSM4Body([]byte("0123456789abcdef"))
	if err != nil {
		f.Fatal(err)
	}
	public, err := NewVerifier(SignatureOptions{Kind: SignSM2Envelope, KeyPEM: key})
	if err != nil {
		f.Fatal(err)
	}
	var open []Verifier
	for _, o := range []SignatureOptions{{Kind: SignSM3Envelope}, {Kind: SignSM3Envelope, SkipEmpty: true}, {Kind: SignSM3Input}} {
		v, err := NewVerifier(o)
		if err != nil {
			f.Fatal(err)
		}
		open = append(open, v)
	}
	cipher, err := sealed.Seal([]byte(`{"data":{}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"infno":"1101","msgid":"P43010000001202611221000000001","inf_time":"2026-11-22 10:00:00","cainfo":"00","input":{"data":{"mdtrt_cert_type":"03"}}}`))
	f.Add([]byte(`{"infno":2102,"enc_type":"SM4","cainfo":"00FF","input":"` + cipher + `"}`))
	f.Add([]byte(`{"input":"{\"data\":null}","infno":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		request, err := DecodeRequest(data)
		if err != nil {
			return
		}
		if public.Verify(data) == nil {
			t.Fatal("an envelope that nobody signed is accepted")
		}
		for _, v := range open {
			_ = v.Verify(data)
		}
		text, err := sealed.OpenText(request.Input)
		if err != nil {
			return
		}
		if replaced, err := ReplaceInput(data, orNull(text)); err == nil && !json.Valid(replaced) {
			t.Fatalf("what is left is no JSON: %s", replaced)
		}
	})
}

// orNull is a text that was opened, where it is JSON: what somebody sealed that is none never gets into a message.
func orNull(text json.RawMessage) json.RawMessage {
	if json.Valid(text) {
		return text
	}
	return json.RawMessage("null")
}

// FuzzKeyFile: whatever stands in a file of keys or certificates, it is a key of this kind or NOT_CONFIGURED, and the text of the
// refusal shows nothing of the file.
func FuzzKeyFile(f *testing.F) {
	pkcs8, sec1, public := sm2Pair(f)
	f.Add(pkcs8)
	f.Add(sec1)
	f.Add(public)
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0x30, 0x82, 0x01, 0x00}}))
	f.Fuzz(func(t *testing.T, file []byte) {
		o := SignatureOptions{Kind: SignSM2Envelope, KeyPEM: file}
		signer, err := NewSigner(o)
		if err != nil && (settle.CodeOf(err) != settle.NotConfigured || len(file) > 40 && bytes.Contains([]byte(err.Error()), file[:40])) {
			t.Fatalf("refused as %v", err)
		}
		if err == nil {
			r := Request{Infno: "1101", Input: json.RawMessage("{}")}
			if err := signer.Sign(&r); err != nil {
				t.Fatalf("a key that was taken does not sign: %v", err)
			}
		}
		if _, err := NewVerifier(o); err != nil && settle.CodeOf(err) != settle.NotConfigured {
			t.Fatalf("refused as %v", err)
		}
		if _, err := NewSM4Body(file); err != nil && settle.CodeOf(err) != settle.NotConfigured {
			t.Fatalf("refused as %v", err)
		}
	})
}
