#include "sample_text.h"

#include <stddef.h>

static const char news[] =
    "The harbour bridge will close for eleven weeks from Monday while engineers replace the "
    "bearings "
    "under its northern span, the city council said on Thursday. About 38,000 vehicles cross it on "
    "a "
    "working day. Ferries will run every ten minutes between 6 a.m. and midnight, and lorries over "
    "7.5 "
    "tonnes are to use the ring road.\n\n"
    "\"We've put this off twice, and we can't do it a third time,\" said Marta Olufsen, who leads "
    "the "
    "repair. She put the cost at $41.6 million, a fifth more than last year's estimate. "
    "Shopkeepers on "
    "the quay fear for their summer; one of them, who didn't want to be named, called the timing "
    "\"a bad joke\". The council expects traffic to be back to normal by the end of August.\n";

static const char code[] =
    "def moving_average(values, width):\n"
    "    \"\"\"Yields the mean of each window of `width` values.\"\"\"\n"
    "    if width < 1:\n"
    "        raise ValueError(f\"width must be positive, not {width!r}\")\n"
    "    window, total = collections.deque(), 0.0\n"
    "    for index, value in enumerate(values):\n"
    "        window.append(value)\n"
    "        total += value\n"
    "        if len(window) > width:\n"
    "            total -= window.popleft()\n"
    "        if index + 1 >= width:\n"
    "            yield total / width\n\n\n"
    "class Station:\n"
    "    def __init__(self, name: str, *, readings=None):\n"
    "        self.name = name\n"
    "        self.readings = list(readings or [])  # degrees Celsius\n\n"
    "    @property\n"
    "    def warmest(self):\n"
    "        return max(self.readings, key=lambda r: r[1], default=(None, -273.15))\n\n\n"
    "if __name__ == \"__main__\":\n"
    "    print([round(x, 2) for x in moving_average([1, 2, 4, 8, 16], 3)])\n";

static const char math[] =
    "\\begin{lemma} Let $f\\colon [a,b]\\to\\mathbb{R}$ be continuous and let "
    "$F(x)=\\int_a^x f(t)\\,dt$. Then $F$ is differentiable with $F'(x)=f(x)$. \\end{lemma}\n\n"
    "\\begin{proof} Fix $\\varepsilon>0$ and choose $\\delta>0$ such that "
    "$|f(t)-f(x)|<\\varepsilon$ "
    "whenever $|t-x|<\\delta$. For $0<|h|<\\delta$ we have\n"
    "\\begin{align*}\n"
    "  \\left|\\frac{F(x+h)-F(x)}{h}-f(x)\\right|\n"
    "    &= \\left|\\frac{1}{h}\\int_x^{x+h}\\bigl(f(t)-f(x)\\bigr)\\,dt\\right| \\\\\n"
    "    &\\le \\frac{1}{|h|}\\cdot |h|\\,\\varepsilon = \\varepsilon .\n"
    "\\end{align*}\n"
    "In particular $\\sum_{k=1}^{n} k^2 = \\tfrac{1}{6}n(n+1)(2n+1)$, so $\\lim_{n\\to\\infty} "
    "n^{-3}"
    "\\sum_{k\\le n} k^2 = \\tfrac13 = \\int_0^1 x^2\\,dx$. \\end{proof}\n";

/* clang-format off: it counts columns, others count bytes */
static const char korean[] =
    "어제 저녁부터 내린 눈으로 산길이 모두 막혔다. "
    "마을 사람들은 아침 일찍 삽을 들고 나와 학교까지 "
    "가는 길을 치우기 시작했고, 아이들은 추위도 "
    "잊은 채 눈사람을 만들었다. 기상청은 오늘 밤까지 "
    "20센티미터가 더 쌓일 것으로 내다보았다.\n\n"
    "작은 가게를 운영하는 김 씨는 \"이렇게 많은 "
    "눈은 십 년 만에 처음 본다\"고 말했다. 버스는 "
    "오후 세 시가 지나서야 다시 다니기 시작했지만, "
    "시장으로 가는 다리는 내일까지 건널 수 없다. "
    "이장은 혼자 사는 노인들의 집을 하나하나 찾아다니며 "
    "난방이 되는지, 먹을 것이 남아 있는지 확인했다.\n";
/* clang-format on */

static const char science[] =
    "Chloroplasts convert light into chemical energy in two coupled stages. In the thylakoid "
    "membrane, "
    "photosystem II oxidises water and passes electrons through plastoquinone and the cytochrome "
    "b6f "
    "complex to photosystem I, which reduces NADP+ to NADPH; the proton gradient that builds up on "
    "the "
    "way drives ATP synthase. In the stroma, the enzyme RuBisCO then fixes CO2 onto ribulose "
    "1,5-bisphosphate, and the products are reduced to glyceraldehyde 3-phosphate at the expense "
    "of "
    "ATP and NADPH. Because RuBisCO also binds O2, warm and dry conditions favour "
    "photorespiration, "
    "which C4 and CAM plants avoid by concentrating CO2 beforehand. Net assimilation in typical C3 "
    "leaves saturates near 20 \u00B5mol m\u207B\u00B2 s\u207B\u00B9 at 25 \u00B0C.\n";

const struct rn_sample_text rn_sample_texts[] = {{"news", news},       {"korean", korean},
                                                 {"code", code},       {"math", math},
                                                 {"science", science}, {NULL, NULL}};
