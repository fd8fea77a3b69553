/* runnel completion - scripts that let a shell complete command lines by asking the program. */
#include "complete.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* '=' and ':' end a word for readline and not for us: the line is cut at blanks, and what stands
 * before the last such sign is taken off the candidates. */
static const char bash[] =
    "# bash completion of runnel: source <(runnel completion bash)\n"
    "_runnel() {\n"
    "    local -a words\n"
    "    local line=${COMP_LINE:0:COMP_POINT} cur kept candidate\n"
    "    read -ra words <<<\"$line\"\n"
    "    [[ $line == *[[:blank:]] ]] && words+=('')\n"
    "    cur=${words[${#words[@]} - 1]}\n"
    "    kept=${cur##*[=:]}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r candidate; do\n"
    "        case $candidate in\n"
    "        $'\\tfiles')\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$kept\") ;;\n"
    "        $'\\tdirectories')\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- \"$kept\") ;;\n"
    "        *)\n"
    "            candidate=${candidate%%$'\\t'*}\n"
    "            COMPREPLY+=(\"${candidate#\"${cur%\"$kept\"}\"}\") ;;\n"
    "        esac\n"
    "    done < <(\"${COMP_WORDS[0]}\" completion words -- \"${words[@]:1}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _runnel runnel\n";

static const char zsh[] =
    "#compdef runnel\n"
    "# zsh completion of runnel: source <(runnel completion zsh), or as _runnel in $fpath\n"
    "_runnel() {\n"
    "    local line\n"
    "    local -a found\n"
    "    for line in \"${(@f)$(\"${words[1]}\" completion words -- \"${(@)words[2,CURRENT]}\" "
    "2>/dev/null)}\"; do\n"
    "        case $line in\n"
    "        '') ;;\n"
    "        $'\\tfiles') _files ;;\n"
    "        $'\\tdirectories') _files -/ ;;\n"
    "        *) found+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    (( $#found )) && _describe runnel found\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _runnel ]; then _runnel \"$@\"; else compdef _runnel runnel; fi\n";

static const char fish[] =
    "# fish completion of runnel: runnel completion fish | source\n"
    "function __runnel_complete\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    for line in ($words[1] completion words -- $words[2..-1] 2>/dev/null)\n"
    "        switch $line\n"
    "            case \\tfiles\n"
    "                __fish_complete_path (commandline -ct)\n"
    "            case \\tdirectories\n"
    "                __fish_complete_directories (commandline -ct)\n"
    "            case '*'\n"
    "                echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c runnel -f -a '(__runnel_complete)'\n";

static const struct {
    const char *shell, *script;
} scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

static void answer(const struct rn_cli *cli)
{
    size_t n = rn_cli_n(cli) - 1;
    const char **words = rn_xalloc((n + 1) * sizeof *words);
    for (size_t i = 0; i < n; i++)
        words[i] = rn_cli_arg(cli, i + 1);
    rn_complete(words, n, stdout);
    free(words);
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *what = rn_cli_arg(cli, 0);
    (void)err;
    for (size_t i = 0; i < RN_COUNT(scripts); i++)
        if (strcmp(scripts[i].shell, what) == 0)
            fputs(scripts[i].script, stdout);
    if (strcmp(what, "words") == 0)
        answer(cli);
    return RN_OK;
}

static const struct rn_example examples[] = {
    {"completion bash", "in ~/.bashrc: source <(runnel completion bash)"},
    {"completion words -- run pipelines/smoke.yaml --from to", "what a script asks the program"},
    {0}};

const struct rn_command rn_command_completion = {
    "completion",
    "bash|zsh|fish|words [TEXT ...]",
    "a script that lets the shell complete command lines",
    NULL,
    run,
    .details = "The script asks the program itself (`runnel completion words`), so that stages, "
               "profiles and\nruns are completed as the files at hand have them.",
    .examples = examples};
