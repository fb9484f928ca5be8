package main
import ("fmt";"strings";"time";"runtime";"github.com/goccy/go-yaml/parser";"github.com/goccy/go-yaml/ast";"github.com/goccy/go-yaml/lexer")
type v struct{}
func (v) Visit(n ast.Node) ast.Visitor { t:=n.GetToken(); p:="-"; if t!=nil&&t.Position!=nil {p=fmt.Sprintf("%d:%d",t.Position.Line,t.Position.Column)}; val:=""; if t!=nil{val=t.Value}; fmt.Printf("  %T %s %q\n",n,p,val); return v{} }
func main(){
 for _,s:=range []string{"", "# c\n", "---\n", "a: 1\n---\nb: 2\n", "a: &x 1\nb: *x\n<<: *x\n", "a:\n  - {b: c, d: 'e f'}\n  - \"x\"\nk:\n", "a: 1\na: 2\n", "a: |\n  foo\n  bar\n", "a: !!str 1\n", "a: [1, 2\n", "\ta: 1\n", "- a\n- b\n", "just text\n", "? a\n: b\n", "a: ~\nb: 2001:db8::1\nc: 0x1f\nd: 1_000\ne: yes\nf: 1.5\ng: 5m\nh: 127.0.0.1:1389\ni: 010\nj: .inf\n", "\xef\xbb\xbfa: 1\n", "a: b\r\nc: d\r\n","ä: {ö: ü, k: v}\n", "a: \"q\\\n  b\"\nz: plain\n  more\nw: 1\n","%YAML 1.2\n---\na: 1\n", "a: 1\n...\n", "a: *nope\n","&a a: 1\n","a: &a [*a]\n", "a: x: y\n", "a: b\n c: d\n","'k k': 1\n\"a.b\": 2\n1: 2\nnull: 3\n","a: { b: 1 }\nc:\n- 1\n-\n  d: 2\n"} {
  f,err:=parser.ParseBytes([]byte(s),0); fmt.Printf("== %q err=%v\n",s,err); if err==nil { fmt.Println(" docs",len(f.Docs)); for _,d:=range f.Docs { if d.Body==nil {fmt.Println("  nil body");continue}; ast.Walk(v{},d.Body)} } }
 tm:=func(n,s string){ t:=time.Now(); var m0,m1 runtime.MemStats; runtime.ReadMemStats(&m0); lexer.Tokenize(s); tl:=time.Since(t); _,err:=parser.ParseBytes([]byte(s),0); runtime.ReadMemStats(&m1); e:=""; if err!=nil {e=err.Error(); if len(e)>80 {e=e[:80]}}; fmt.Println(n,tl,time.Since(t),(m1.TotalAlloc-m0.TotalAlloc)>>20,"MiB",e) }
 tm("flat 200k", strings.Repeat("a: b\n",40000))
 var b strings.Builder; for i:=0;b.Len()<1<<20;i++ {fmt.Fprintf(&b,"  - { legacy: g%d, posix: p%d, gid: %d }\n",i,i,i)}
 tm("pairs 1MiB", "groups:\n pairs:\n"+b.String())
 tm("deep 1k", strings.Repeat("[",1000))
 tm("deep 4k", strings.Repeat("[",4000)+strings.Repeat("]",4000))
 tm("deep- 4k", strings.Repeat("- ",4000))
 tm("deep{ 4k", strings.Repeat("{a: ",4000))
 tm("deep16k", strings.Repeat("[",16000)+strings.Repeat("]",16000))
 tm("quote", "a: "+strings.Repeat("\"",200000))
 tm("longline", "a: "+strings.Repeat("x",1<<20))
 tm("comma", "a: ["+strings.Repeat("x,",1<<17)+"]")
 tm("ml", "a: |\n"+strings.Repeat("  x\n",1<<16))
 tm("plainml", "a: x\n"+strings.Repeat("  x\n",1<<16))
 tm("comments", strings.Repeat("# x\n",1<<17))
 tm("amp", strings.Repeat("&a ",1<<15))
 tm("tags", strings.Repeat("!a ",1<<15))
 tm("q", strings.Repeat("? ",1<<13))
 tm("nl", strings.Repeat("\n",1<<20))
 tm("colon", strings.Repeat("a: ",1<<13))
 tm("docs", strings.Repeat("---\n",1<<15))
}
