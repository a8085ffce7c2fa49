package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gongji/config"
	"gongji/daemon"
	"gongji/settle/ledger"
)

// proving is what the flags of the command say.
type proving struct {
	config, check, key, out string
	head, printKey, reveal  bool
	until                   int64
}

func proofCommand() *cobra.Command {
	var p proving
	cmd := &cobra.Command{
		Use:   "proof SETTLEMENT --config FILE --out FILE | proof --check FILE --key KEY",
		Short: "Export the proof of one settlement, or check one",
		Long: `Exports everything that the audit chain holds about one settlement into one file, which the court or the finance desk checks
with the venue's verification key alone: the records word for word, the hash of each with the one before it, its path to
the root over the whole chain, and a statement of the chain's end, all signed (Ed25519).

It proves that this venue stated, at the time of the statement, that exactly these records stand in its chain under these
numbers, and that the file is as it was signed. It does not prove that what they say was true, nor what the chain was
before the statement. For that, give a statement (--head) to somebody else from time to time, such as with the monthly
reconciliation; a proof with --until and its number of records then has the same root, or something was changed since.

Give away the verification key (--print-key) before there is a dispute. It changes when the ledger's key is rotated; proofs
made before then check with the key before. Names are masked unless --reveal.`,
		Example: "  gongjid proof 01KXYZ --config /etc/gongji/gongjid.yaml --out proof.json\n" +
			"  gongjid proof --print-key --config /etc/gongji/gongjid.yaml > verify.key\n" +
			"  gongjid proof --check proof.json --key verify.key",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.check != "" {
				return p.checkFile(cmd.OutOrStdout())
			}
			return p.export(cmd, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.config, "config", "", "configuration file that names the venue and the data directory")
	f.StringVar(&p.out, "out", "", "file to write; refused where it exists")
	f.StringVar(&p.check, "check", "", "proof or head to check")
	f.StringVar(&p.key, "key", "", "verification key to check with: its text, or a file that holds it")
	f.BoolVar(&p.head, "head", false, "write a statement of the chain's end instead of a proof")
	f.BoolVar(&p.printKey, "print-key", false, "print the verification key")
	f.BoolVar(&p.reveal, "reveal", false, "tell names and identity numbers, for whoever may know them")
	f.Int64Var(&p.until, "until", 0, "prove against the chain's first so many records, those of a statement given away before")
	return cmd
}

func (p *proving) export(cmd *cobra.Command, args []string) (err error) {
	if err := needFlag(cmd, "config"); err != nil {
		return err
	}
	if modes := len(args) + count(p.head) + count(p.printKey); modes != 1 {
		return fmt.Errorf("%w: a settlement, --head or --print-key is needed; see '%s --help'", errUsage, cmd.CommandPath())
	}
	c, err := config.Load(p.config)
	if err != nil {
		return err
	}
	r, err := ledger.ReadDir(cmd.Context(), c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	key, err := r.VerificationKey()
	if err != nil {
		return err
	}
	if p.printKey {
		fmt.Fprintln(cmd.OutOrStdout(), key)
		return nil
	}
	if err := needFlag(cmd, "out"); err != nil {
		return err
	}
	options := ledger.ProofOptions{Venue: daemon.VenueOf(c), Clock: time.Now, Until: p.until, Reveal: p.reveal}
	text, err := p.statement(cmd.Context(), r, options, args)
	if err != nil {
		return err
	}
	if err := writeNew(p.out, text); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "已写入 %s；核验公钥 %s\nwritten; whoever checks it needs the verification key above\n", p.out, key)
	return nil
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// statement is the proof or the head as a file.
func (p *proving) statement(ctx context.Context, r *ledger.Reading, o ledger.ProofOptions, args []string) ([]byte, error) {
	var value any
	var err error
	if p.head {
		value, err = r.MakeHead(ctx, o)
	} else {
		value, err = r.MakeProof(ctx, args[0], o)
	}
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(value, "", "  ")
	return append(text, '\n'), err
}

// writeNew writes a file that was not there, for its owner alone: a proof tells who bought what.
func writeNew(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

func (p *proving) checkFile(w io.Writer) error {
	text, err := os.ReadFile(p.check)
	if err != nil {
		return err
	}
	key := p.key
	if content, err := os.ReadFile(p.key); err == nil {
		key = string(content)
	} else if key != "" && !strings.HasPrefix(key, "gongji-verify-") {
		return fmt.Errorf("the verification key: %w", err)
	}
	head, err := ledger.CheckHead(bytes.NewReader(text), key)
	if err == nil {
		fmt.Fprintf(w, "账本声明核验通过：%s\n", filepath.Base(p.check))
		printHead(w, &head, key)
		return nil
	}
	proof, content, err := ledger.CheckProof(bytes.NewReader(text), key)
	if err != nil {
		fmt.Fprintf(w, "核验不通过：%s\n", proofFault(err))
		return fmt.Errorf("the proof does not check: %w", err)
	}
	printProof(w, &proof, &content, key)
	return nil
}

// proofFault is why a proof does not hold, for whoever holds it.
func proofFault(err error) string {
	switch {
	case errors.Is(err, ledger.ErrProofForeign):
		return "签名用的不是您给的核验公钥。请向药店或医保中心核对公钥；轮换过密钥的，用出具当时的公钥。"
	case errors.Is(err, ledger.ErrProofChanged):
		return "文件在签名之后被改动过，不能采信。"
	case errors.Is(err, ledger.ErrProofBroken):
		return "文件内容自相矛盾（记录与校验链不符），不能采信。"
	}
	return "文件不是结算存证，或格式更新，请换用新版本的 gongjid。"
}

func printHead(w io.Writer, h *ledger.ProofHead, key string) {
	fmt.Fprintf(w, "  机构     %s（%s）\n", h.Name, h.Venue)
	fmt.Fprintf(w, "  声明时间 %s\n", h.At.Format(time.DateTime))
	fmt.Fprintf(w, "  账本     共 %d 条记录，末条校验值 %s…，总根 %s\n", h.Records, h.Hash[:16], h.Root)
	if key == "" {
		fmt.Fprintf(w, "  注意     未给核验公钥（--key）：只证明文件前后一致，不证明是谁签的。文件自称公钥 %s\n", h.Key)
	}
}

func printProof(w io.Writer, p *ledger.Proof, c *ledger.ProofContent, key string) {
	s := &c.Settlement
	fmt.Fprintf(w, "结算存证核验通过：%s\n", s.ID)
	printHead(w, &p.Head, key)
	numbers := make([]string, len(p.Records))
	for i := range p.Records {
		numbers[i] = fmt.Sprint(p.Records[i].Number)
	}
	fmt.Fprintf(w, "  记录     第 %s 条，逐字未改\n\n记录的内容：\n", strings.Join(numbers, "、"))
	fmt.Fprintf(w, "  %s 结算，小票号 %s，收银台 %s，收款员 %s\n", s.At.Format(time.DateTime), s.ReceiptNo, s.Sale.Terminal, cmp.Or(s.Sale.Operator.Name, s.Sale.Operator.ID))
	fmt.Fprintf(w, "  凭证     %s，%s 在读卡器 %s 核对一致\n", s.Presence.MaskedHolder, s.Presence.MatchedAt.Format(time.DateTime), s.Presence.Reader)
	for _, person := range p.People {
		fmt.Fprintf(w, "  人员     %s\n", strings.Join([]string{person.Masked, person.Name, person.IDNumber}, "  "))
	}
	for i := range s.Sale.Lines {
		line := &s.Sale.Lines[i]
		fmt.Fprintf(w, "  明细     %s（%s）× %s，%s 元\n", line.Name, line.Code, line.Quantity, line.Total)
	}
	f := s.Figures
	fmt.Fprintf(w, "  合计     %s 元：统筹 %s，本人账户 %s，亲属账户 %s，现金 %s\n", f.Total, f.Fund, f.Own, f.Shared, f.Cash)
	for i := range s.Postings {
		fmt.Fprintf(w, "  支付     %s 账户 %s 元\n", s.Postings[i].Masked, s.Postings[i].Amount)
	}
	fmt.Fprintf(w, "  政策     %s 版本 %s\n", s.Policy.ID, s.Policy.Version)
	printAfter(w, c)
}

// printAfter tells what became of the settlement.
func printAfter(w io.Writer, c *ledger.ProofContent) {
	for i := range c.Returns {
		back := &c.Returns[i]
		fmt.Fprintf(w, "  退回     %s 退 %s 元：统筹 %s，本人账户 %s，亲属账户 %s，现金 %s\n", back.At.Format(time.DateTime), back.Figures.Total,
			back.Figures.Fund, back.Figures.Own, back.Figures.Shared, back.Figures.Cash)
	}
	for i := range c.Adjustments {
		a := &c.Adjustments[i]
		fmt.Fprintf(w, "  调整     %s 现金由 %s 元改为 %s 元，账户由 %s 元改为 %s 元\n", a.At.Format(time.DateTime), a.Before.Cash, a.After.Cash,
			a.Before.Own+a.Before.Shared, a.After.Own+a.After.Shared)
	}
	for _, d := range c.Decisions {
		fmt.Fprintf(w, "  处理     %s 决定 %s：%s\n", cmp.Or(d.Operator.Name, d.Operator.ID), cmp.Or(string(d.Decision), "已阅"), d.Note)
	}
	for _, o := range c.Outcomes {
		text := fmt.Sprintf("报文 %s（%s）%s", o.MsgID, o.Infno, o.State)
		if o.Booking != nil && o.Booking.SetlID != "" {
			text += "，结算流水号 " + o.Booking.SetlID
		}
		fmt.Fprintf(w, "  上报     %s\n", text)
	}
}
