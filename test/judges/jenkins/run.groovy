/**
 * Runs a declarative pipeline of Jenkins without Jenkins, which no registry of packages has: Groovy compiles it, shells run its scripts
 * in the working folder. It knows the words that pipelines/jenkins uses, and fails at others. Variables of the environment
 * give values for parameters by name, and those of the credential "registry".
 */
import org.codehaus.groovy.control.CompilerConfiguration

class State {
    final Map<String, String> env = new TreeMap<>(System.getenv())
    final Map<String, Object> params = [:]
    Exception failure
}

/** A block of the pipeline; `body` may use its methods and nothing else of Jenkins. */
abstract class Block {
    State state

    static void run(Closure body, Object block) {
        def copy = (Closure) body.clone()
        copy.delegate = block
        copy.resolveStrategy = Closure.DELEGATE_FIRST
        copy.call()
    }
}

class PipelineBlock extends Block {
    void agent(Closure body) { run(body, new AgentBlock(state: state)) }
    void options(Closure body) { run(body, new OptionsBlock(state: state)) }
    void parameters(Closure body) { run(body, new ParametersBlock(state: state)) }
    void environment(Closure body) { run(body, new EnvironmentBlock(state: state)) }

    void stages(Closure body) {
        try {
            run(body, new StagesBlock(state: state))
        } catch (ScriptFailure failure) {
            state.failure = failure
        }
    }

    void post(Closure body) { run(body, new PostBlock(state: state)) }
}

class AgentBlock extends Block {
    void docker(Closure body) { run(body, new DockerBlock(state: state)) }
}

class DockerBlock extends Block {
    void image(String name) { println "agent: this machine in place of $name" }
}

class OptionsBlock extends Block {
    void timeout(Map<String, Object> limit) { assert limit.time > 0 }
}

class ParametersBlock extends Block {
    void string(Map<String, Object> asked) { declare(asked.name, asked.defaultValue) }
    void booleanParam(Map<String, Object> asked) { declare(asked.name, asked.defaultValue) }
    void choice(Map<String, Object> asked) { declare(asked.name, asked.choices[0]) }

    private void declare(String name, Object value) {
        state.params[name] = System.getenv(name) ?: value
        state.env[name] = state.params[name].toString()
    }
}

class EnvironmentBlock extends Block {
    void propertyMissing(String name, Object value) { state.env[name] = value.toString() }
}

class StagesBlock extends Block {
    void stage(String name, Closure body) {
        println "stage: $name"
        run(body, new StageBlock(state: state))
    }
}

class StageBlock extends Block {
    private boolean wanted = true

    void when(Closure body) { run(body, this) }
    void expression(Closure<Boolean> body) { wanted = body.call() }
    void steps(Closure body) { if (wanted) run(body, new StepsBlock(state: state)) }
}

class StepsBlock extends Block {
    /** As Jenkins does it: commands are shown, and the first that fails ends the script. */
    void sh(String script) {
        def builder = new ProcessBuilder('sh', '-xe', '-c', script).inheritIO()
        builder.environment().putAll(state.env)
        int status = builder.start().waitFor()
        if (status != 0) throw new ScriptFailure("script returned exit code $status")
    }

    Map<String, String> usernamePassword(Map<String, String> asked) {
        assert asked.credentialsId == 'registry'
        [(asked.usernameVariable): System.getenv('GIVEN_USER'), (asked.passwordVariable): System.getenv('GIVEN_PASSWORD')]
    }

    void withCredentials(List<Map<String, String>> credentials, Closure body) {
        credentials.each { state.env.putAll(it) }
        try {
            run(body, this)
        } finally {
            credentials.each { state.env.keySet().removeAll(it.keySet()) }
        }
    }
}

class PostBlock extends Block {
    void always(Closure body) { run(body, new PublishBlock(state: state)) }
}

class PublishBlock extends StepsBlock {
    void junit(Map<String, Object> asked) { publish('tests', asked.testResults, asked.allowEmptyResults) }
    void archiveArtifacts(Map<String, Object> asked) { publish('artifact', asked.artifacts, asked.allowEmptyArchive) }

    private static void publish(String kind, String name, boolean mayLack) {
        def file = new File(name)
        assert file.exists() || mayLack
        if (file.exists()) println "$kind: $name"
    }
}

class ScriptFailure extends RuntimeException {
    ScriptFailure(String message) { super(message) }
}

abstract class JenkinsScript extends Script {
    void pipeline(Closure body) { Block.run(body, new PipelineBlock(state: binding.state)) }
}

def state = new State()
def shell = new GroovyShell(
    getClass().classLoader,
    new Binding(state: state, env: state.env, params: state.params),
    new CompilerConfiguration(scriptBaseClass: JenkinsScript.name)
)
shell.evaluate(new File(args[0]))
if (state.failure != null) {
    println "failed: ${state.failure.message}"
    System.exit(1)
}
