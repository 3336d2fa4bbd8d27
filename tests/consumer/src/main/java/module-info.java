/** Used on the module path, ignored on the class path. */
module consumer {
    requires dev.moba4j;
}
