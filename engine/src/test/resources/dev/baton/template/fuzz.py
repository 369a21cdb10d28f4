"""fuzz.py SEED COUNT: random templates and what jinja2 makes of each, as JSON; null where it refuses."""
import json
import random
import re
import sys

import jinja_reference

R = random.Random(int(sys.argv[1]))
V=dict(s="Hello, World",t="  a b\tc \n",e="",u="é日😀ß",n=7,z=0,neg=-3,f=2.5,g=1e16,h=0.1,b=True,c=False,no=None,l=[3,1,2],ls=["b","A","c","a"],m=["x",1,None,2.5,True],d={"k":"v","B":2,"a":[1,2],"n":{"x":1}},em={},el=[],recs=[{"n":"q","v":2,"r":"user"},{"n":"P","v":1,"r":"tool"},{"n":"q","v":3}],big=10**25)
STR=["s","t","e","u","'abc'","'a,b,,c'","\"it's\"","'%s-%d'","'{}-{}'","'Äx'","'aXbXc'","'x'","' '","','","'a'"]
INT=["n","z","neg","1","2","0","(-1)","5","big","100","3","0x10","b","17"]
FLT=["f","h","g","1.5","0.0","-2.75","1e3","1e-7","123456789.125"]
LST=["l","ls","m","el","[1,2]","['a','b']","recs","(1,2)","range(5)","d.a"]
DCT=["d","em","{'a':1,'b':2}","{1:2,'x':none}"]
ANY=STR+INT+FLT+LST+DCT+["no","undef","c","true","d.k","d.zz","d['n']"]
def pick(k): return R.choice(k)
def expr(d=0):
    if d>2 or R.random()<.15: return pick(ANY)
    return R.choice([bina,filt,filt,meth,meth,test,item,cond,comp,strs,ints,lists,fmt,tern])(d+1)
def sub(k,d): return pick(k) if R.random()<.6 or d>2 else "("+{id(STR):strs,id(INT):ints,id(LST):lists}.get(id(k),expr)(d+1)+")"
def strs(d): return R.choice([lambda:pick(STR),lambda:sub(STR,d)+"~"+sub(ANY,d),lambda:sub(STR,d)+"+"+sub(STR,d),lambda:meth(d),lambda:sub(STR,d)+sl(d)])()
def ints(d): return R.choice([lambda:pick(INT),lambda:sub(INT,d)+R.choice(["+","-","*","//","%"])+sub(INT,d),lambda:"("+sub(ANY,d)+")|length",lambda:"("+sub(ANY,d)+")|int"])()
def lists(d): return R.choice([lambda:pick(LST),lambda:sub(LST,d)+"+"+sub(LST,d),lambda:sub(LST,d)+sl(d),lambda:"("+sub(ANY,d)+")|list",lambda:sub(STR,d)+".split("+R.choice(["","','","' '","'X',1","none,1"])+")","["+"1".join(["",""])+"]" and (lambda:"["+pick(ANY)+","+pick(ANY)+"]")])()
def sl(d):
    b=lambda:R.choice(["","","1","-1","2","-2","0","10","-10","n"])
    return "["+b()+":"+b()+R.choice(["","",":-1",":2",":",":-2"])+"]"
def bina(d): return sub(ANY,d)+R.choice([" + "," - "," * "," / "," // "," % "," ** ","~"," and "," or "])+(sub(INT,d) if R.random()<.4 else sub(ANY,d))
def comp(d): return sub(ANY,d)+R.choice([" == "," != "," < "," <= "," > "," >= "," in "," not in "])+sub(ANY,d)
def cond(d): return "not "+sub(ANY,d)
def tern(d): return sub(ANY,d)+" if "+sub(ANY,d)+(" else "+sub(ANY,d) if R.random()<.7 else "")
def item(d): return sub(ANY,d)+R.choice(["[0]","[-1]","[1]","['k']","['x']","[n]",".k",".B",".items()",".get('k')",".get('q',1)",".keys()",".values()",".n.x",".0"])
F=["upper","lower","title","capitalize","trim","trim('a ')","length","count","list","string","int","int(5)","int(default=3,base=16)","float","abs","round","round(1)","round(1,'floor')","round(0,'ceil')","round(-1)","first","last","reverse","reverse|list","sort","sort(reverse=true)","sort(attribute='v')","sort(case_sensitive=true)","join","join(', ')","join('-',attribute='n')","unique|list","min","max","sum","sum(attribute='v')","sum(start=1)","dictsort","dictsort(by='value')","dictsort(reverse=true)","items|list","tojson","tojson(indent=2)","tojson(separators=(',',':'))","tojson(sort_keys=true)","tojson(ensure_ascii=true)","default('D')","default('D',true)","d(1)","replace('a','Z')","replace('','-')","replace('l','L',1)","indent","indent(2,true)","indent(3,blank=true)","indent('> ')","map('upper')|list","map(attribute='n')|list","map(attribute='v',default=0)|list","map('string')|join('|')","map('length')|list","select|list","reject|list","select('string')|list","reject('none')|list","select('in',[1,2])|list","selectattr('v')|list","selectattr('v','gt',1)|list","selectattr('r','equalto','user')|list","rejectattr('r','defined')|list","batch(2)|list","batch(2,'x')|list","slice(2)|list","slice(3,'x')|list","groupby('n')|list","groupby('n',case_sensitive=true)|list","center(9)","wordcount","truncate(5)","truncate(8,true,'..')","truncate(7,leeway=0)","escape","e","forceescape","safe","striptags","urlencode","filesizeformat","filesizeformat(true)","format(1,2)","format('x')","attr('k')","nosuch","upper(1)","length(1)"]
def filt(d): return "("+sub(R.choice([ANY,STR,LST,DCT]),d)+")|"+pick(F)
M=["upper()","lower()","title()","capitalize()","swapcase()","strip()","strip('a ')","lstrip()","rstrip()","rstrip('\\n')","split()","split(',')","split('l')","split('a',1)","rsplit(' ',1)","rsplit(none,1)","splitlines()","splitlines(true)","partition(',')","rpartition('b')","startswith('a')","startswith(('H',' '))","endswith('d')","startswith('l',2)","find('l')","rfind('l')","find('z')","index('l')","count('l')","count('')","replace('l','r')","replace('l','r',1)","join(ls)","join(['a','b'])","center(9,'*')","ljust(8)","rjust(14,'.')","zfill(9)","isdigit()","isalpha()","isupper()","islower()","isspace()","isalnum()","istitle()","isnumeric()","format(1,'x')","format(s,k=n)","encode","append(1)","pop()","removeprefix('He')","removesuffix('d')","casefold()","expandtabs()","items()","keys()","get('k')","copy()","index(1)","count(1)","update({})","isascii()","isidentifier()","isprintable()","nosuch()","find('l',3,-1)","split(maxsplit=1)"]
def meth(d): return sub(R.choice([STR,STR,ANY]),d)+"."+pick(M)
T=["defined","undefined","none","string","mapping","sequence","iterable","number","integer","float","boolean","true","false","odd","even","divisibleby(2)","divisibleby 3","in [1,2]","in(l)","eq 1","equalto('x')","ne none","gt 1","lt 3","ge 2","le 2","sameas true","sameas none","lower","upper","callable","escaped","filter","test"]
def test(d): return sub(ANY,d)+" is "+R.choice(["","not "])+pick(T)
FM=["%s","%d","%5d","%-5d|","%05d","%+d","%x","%X","%#x","%o","%.2f","%8.3f","%e","%.3e","%g","%G","%r","%5s","%-6s|","%.2s","%c","%%","%i","%(k)s","%s %s","% d","%.0f","%#.0f","%08.2f"]
FB=["{}","{0}","{:>8}","{:<8}|","{:^8}","{:*^9}","{:.2f}","{:,}","{:05d}","{:+}","{:x}","{:#x}","{:b}","{:o}","{:e}","{:g}","{:.3}","{!r}","{0!s:>6}","{:%}","{:.1%}","{{}}","{:_}","{:10.3f}","{:=+8}","{:d}","{:s}","{:n}","{:08.2f}","{:,.2f}","{0[0]}","{:#b}"]
def fmt(d): return R.choice([lambda:repr(pick(FM))+" % "+sub(ANY,d),lambda:repr(pick(FB))+".format("+sub(ANY,d)+")",lambda:repr(pick(FM))+"|format("+sub(ANY,d)+")"])()
def stmt():
    e=lambda:expr(1)
    ws=lambda:R.choice(["","-",""]) 
    return R.choice([
     lambda:"{{ "+e()+" }}",
     lambda:"A \n {%"+ws()+" if "+e()+" "+ws()+"%}\n x{{ "+e()+" }}\n {% elif "+e()+" %} y {% else "+ws()+"%}\n z {% endif %}\n",
     lambda:"{% for x in "+sub(LST,1)+R.choice([""," if x"," if x is string"])+" %}{{ x }}{{ loop."+R.choice(["index","index0","first","last","length","revindex","previtem","nextitem","revindex0","depth","cycle('a','b')","changed(x)"])+" }}{% if x == 1 %}{% "+R.choice(["break","continue"])+" %}{% endif %},{% else %}none{% endfor %}",
     lambda:"{% set q = "+e()+" %}{% for k, v in d.items() %}{% set q = k %}{{ q }}{{ v }}{% endfor %}{{ q }}",
     lambda:"{% set ns = namespace(a="+e()+", i=l|length - 1) %}{% for x in l %}{% set ns.a = ns.a ~ x %}{% endfor %}{{ ns.a }}{{ ns.i }}{{ ns.zz }}",
     lambda:"{% macro m(a, b="+e()+", c=a) %}[{{ a }}|{{ b }}|{{ c }}{{ varargs }}{{ kwargs }}]{% endmacro %}{{ m("+R.choice(["","1","1,2","1,2,3,4","b=1","x=1","1,a=2","*l","**d"])+") }}",
     lambda:"{% macro m(a) %}({{ caller("+R.choice(["","a","1"])+") }}){% endmacro %}{% call"+R.choice(["","(y)"])+" m("+e()+") %}in{{ y }}{% endcall %}",
     lambda:"{% set x %}  {{ "+e()+" }} t{% endset %}[{{ x|trim }}]{% filter upper|trim %} a{{ s }} {% endfilter %}",
     lambda:"{% for x in [[1,[2]],[3]] recursive %}{{ x if x is number else loop(x) }};{{ loop.depth0 }}{% endfor %}",
     lambda:"{% with a="+e()+", b=2 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
     lambda:"{#"+ws()+" c "+ws()+"#}\n  {% raw %} {{ x }} {% endraw %}\n{% generation %}g{{ "+e()+" }}{% endgeneration %}\n",
     lambda:"{% set a, b = "+sub(LST,1)+" %}{{ a }}{{ b }}",
     lambda:"{% set a = ["+e()+","+e()+"] %}{{ a }}{{ a|tojson }}{% set j = joiner('|') %}{{ j() }}{{ j() }}{% set c = cycler(1,2) %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ dict(a=1,**d) }}",
    ])()


def comparable(text):
    # Addresses, and what no text can hold.
    return text is None or not (re.search("object at 0x|iterator object|<function|<built-in|<bound|method|Method|METHOD", text)
        or any(0xD800 <= ord(c) < 0xE000 for c in text))


cases = []
while len(cases) < int(sys.argv[2]):
    template = stmt()
    text = jinja_reference.render(template, V)
    if comparable(text):
        cases.append([template, text])
print(json.dumps({"variables": V, "cases": cases}))
